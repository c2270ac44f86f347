/* The default library of the process, and PC/SC's functions under their own names on it. */
#ifndef SCARDFFI_PCSC_DEFAULT_H
#define SCARDFFI_PCSC_DEFAULT_H

#include "pcsc_api.h"

/* [declarations] that Python sees */

/* Set `*library` to the default library. The first call loads it with pcsc_open(NULL, ...). Returns the values of
 * pcsc_open. */
int pcsc_open_default(scardffi_library **library, char *detail, size_t size);
/* Make `library` the default. If it is NULL, the next use loads the default again. Returns the previous default. */
scardffi_library *pcsc_set_default(scardffi_library *library);

/* [end] */

/* Each function returns the library's own code, SCARD_E_NO_SERVICE if there is no PC/SC library, or
 * SCARD_E_UNSUPPORTED_FEATURE if the library lacks the function. The functions are hidden in the compiled module, so
 * that no other code of the process is linked to them by mistake. */
#define DECLARE_PLAIN(need, name, arguments, ...) LONG name(__VA_ARGS__);
PCSC_FUNCTIONS(DECLARE_PLAIN)
#undef DECLARE_PLAIN

#endif
