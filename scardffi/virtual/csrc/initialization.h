/* Initialization of the virtual library: at its first call, and again in the child of a fork. */
#ifndef SCARDFFI_VIRTUAL_INITIALIZATION_H
#define SCARDFFI_VIRTUAL_INITIALIZATION_H

#include "pcsc_abi.h"

/* Called without the mutex. May return SCARD_E_NO_MEMORY, or SCARD_E_NO_SERVICE if SCARDFFI_VIRTUAL is not valid or a
 * port of it is not available. */
LONG library_ensure_initialized(void);

#endif
