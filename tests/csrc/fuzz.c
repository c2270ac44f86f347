/* The input of the fuzz targets, and the choice of one by the environment variable FUZZ_TARGET. Without libFuzzer
 * (FUZZ_REPLAY) the program runs the target with each file that an argument names. */
#include "fuzz.h"

#include <string.h>

static const unsigned char *input;
static size_t input_left;

size_t fuzz_left(void)
{
    return input_left;
}

unsigned fuzz_byte(void)
{
    if (input_left == 0)
        return 0;
    input_left--;
    return *input++;
}

uint32_t fuzz_number(unsigned bytes)
{
    uint32_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | fuzz_byte();
    return number;
}

size_t fuzz_bytes(void *memory, size_t length)
{
    if (length > input_left)
        length = input_left;
    if (length > 0) {
        memcpy(memory, input, length);
        input += length;
        input_left -= length;
    }
    return length;
}

static const struct fuzz_target *chosen(void)
{
    static const struct fuzz_target *target;
    const char *name = getenv("FUZZ_TARGET");
    for (size_t i = 0; target == NULL && fuzz_targets[i].name != NULL; i++)
        if (name != NULL && strcmp(fuzz_targets[i].name, name) == 0)
            target = &fuzz_targets[i];
    CHECK(target != NULL);
    return target;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    input = data;
    input_left = size;
    chosen()->run();
    return 0;
}

#if defined(FUZZ_REPLAY)

int main(int count, char **paths)
{
    enum { MOST = 1 << 20 };
    unsigned char *read = malloc(MOST);
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        CHECK(file != NULL && read != NULL);
        size_t size = fread(read, 1, MOST, file);
        fclose(file);
        unsigned char *data = malloc(size > 0 ? size : 1); /* of exactly this size, for the address sanitizer */
        CHECK(data != NULL);
        memcpy(data, read, size);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    free(read);
    return 0;
}

#endif
