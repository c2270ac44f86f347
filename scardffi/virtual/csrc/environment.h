/* The environment variable SCARDFFI_VIRTUAL. */
#ifndef SCARDFFI_VIRTUAL_ENVIRONMENT_H
#define SCARDFFI_VIRTUAL_ENVIRONMENT_H

#include "pcsc_abi.h"

/* Its value in UTF-8, for the caller to free; NULL where it is not set, or the process has more rights than its
 * user. SCARD_E_NO_MEMORY. */
LONG read_environment(char **text);

#endif
