/* The environment variable SCARDFFI_VIRTUAL. */
#ifndef SCARDFFI_VIRTUAL_ENVIRONMENT_H
#define SCARDFFI_VIRTUAL_ENVIRONMENT_H

#include "pcsc_abi.h"

/* Set *text to the value in UTF-8, which the caller frees, or to NULL if the variable is not set or the process has
 * more rights than its user. May return SCARD_E_NO_MEMORY. */
LONG environment_read_configuration(char **text);

#endif
