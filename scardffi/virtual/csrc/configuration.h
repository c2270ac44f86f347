/* The environment variable SCARDFFI_VIRTUAL: the readers, cards and faults that a process begins with. */
#ifndef SCARDFFI_VIRTUAL_CONFIGURATION_H
#define SCARDFFI_VIRTUAL_CONFIGURATION_H

#include <stdbool.h>

#include "pcsc_abi.h"

/* Called with the mutex held. May return SCARD_E_NO_MEMORY. If an entry or field is not valid, or a port is not
 * available, writes it to stderr and returns SCARD_E_NO_SERVICE. `*may_succeed_later` is false if it is not valid. */
LONG configuration_apply(bool *may_succeed_later);

/* The problem of the entry or field that was not applied, as it was written to stderr; NULL if all were applied. */
const char *configuration_problem(void);

#endif
