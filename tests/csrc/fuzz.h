/* The input of the fuzz targets in C, and their table. */
#ifndef SCARDFFI_TESTS_FUZZ_H
#define SCARDFFI_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Each of these takes bytes from the input; what is beyond its end is 0. */
size_t fuzz_left(void);
unsigned fuzz_byte(void);
uint32_t fuzz_number(unsigned bytes);
size_t fuzz_bytes(void *memory, size_t length); /* returns the number of bytes written: those that the input had */

struct fuzz_target {
    const char *name;
    void (*run)(void);
};

/* Defined by each program. The last element has no name. */
extern const struct fuzz_target fuzz_targets[];

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#endif
