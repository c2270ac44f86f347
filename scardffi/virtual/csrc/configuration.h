/* The environment variable SCARDFFI_VIRTUAL: the readers, cards and faults that a process begins with. */
#ifndef SCARDFFI_VIRTUAL_CONFIGURATION_H
#define SCARDFFI_VIRTUAL_CONFIGURATION_H

#include "pcsc_abi.h"

/* Called with the mutex held. SCARD_E_NO_MEMORY, or SCARD_E_NO_SERVICE after a line on stderr that names the entry or
 * field that is not valid. */
LONG configuration_apply(void);

#endif
