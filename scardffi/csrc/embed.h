/* The table of include/scardffi.h for whoever is not Python. */
#ifndef SCARDFFI_EMBED_H
#define SCARDFFI_EMBED_H

#include "scardffi.h"

/* [declarations] that Python sees */

const scardffi_api *embed_table(void);
/* SCARDFFI_CAPSULE as memory that outlives every capsule of that name. */
const char *embed_capsule_name(void);

/* [end] */

#endif
