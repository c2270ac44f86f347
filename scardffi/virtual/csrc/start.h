/* How the world of a process begins: at the first call of the library, and anew in the child of a fork. */
#ifndef SCARDFFI_VIRTUAL_START_H
#define SCARDFFI_VIRTUAL_START_H

#include "pcsc_abi.h"

/* Ready for a first context: SCARD_S_SUCCESS, SCARD_E_NO_MEMORY, or SCARD_E_NO_SERVICE where SCARDFFI_VIRTUAL
 * cannot be followed. Takes the world's mutex by itself. */
LONG start_world(void);

#endif
