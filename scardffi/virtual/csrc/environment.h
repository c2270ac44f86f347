/* The environment variable SCARDFFI_VIRTUAL. */
#ifndef SCARDFFI_VIRTUAL_ENVIRONMENT_H
#define SCARDFFI_VIRTUAL_ENVIRONMENT_H

#include "pcsc_abi.h"

/* *text becomes its value in UTF-8, to be freed by the caller, or NULL if it is not set or the process has more rights
 * than its user. SCARD_E_NO_MEMORY. */
LONG environment_read_configuration(char **text);

#endif
