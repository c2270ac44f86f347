/* Overwriting memory that held secret data. */
#include "wipe.h"

#include <string.h>

void wipe_memory(void *memory, size_t size)
{
#if defined(__GNUC__)
    memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory"); /* the compiler takes it for a reader of the memory */
#else
    volatile unsigned char *bytes = memory;
    while (size-- > 0)
        *bytes++ = 0;
#endif
}
