/* The table of scardffi.h. */
#ifndef SCARDFFI_EMBED_H
#define SCARDFFI_EMBED_H

#include "scardffi.h"

/* [declarations] that Python sees */

const scardffi_api *embed_table(void);
/* Return SCARDFFI_CAPSULE in memory that is never freed, as a capsule's name must be. */
const char *embed_capsule_name(void);

/* [end] */

#endif
