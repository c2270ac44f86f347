/* Overwriting memory that held secret data. */
#ifndef SCARDFFI_WIPE_H
#define SCARDFFI_WIPE_H

#include <stddef.h>

/* [declarations] that Python sees */

/* Overwrite memory with zeros. A compiler may remove a memset before a free, but not this. */
void wipe_memory(void *memory, size_t size);

/* [end] */

#endif
