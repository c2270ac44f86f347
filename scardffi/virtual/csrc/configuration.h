/* The world that a process begins with: what the environment variable SCARDFFI_VIRTUAL says. */
#ifndef SCARDFFI_VIRTUAL_CONFIGURATION_H
#define SCARDFFI_VIRTUAL_CONFIGURATION_H

#include "pcsc_abi.h"

/* Called with the world's mutex held. SCARD_E_NO_MEMORY, or SCARD_E_NO_SERVICE with a line on stderr that
 * names what cannot be followed. */
LONG configure_world(void);

#endif
