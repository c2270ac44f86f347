/* Bytes of any number that are appended to each other. */
#include "output.h"

#include <stdlib.h>

void output_begin(struct output *output)
{
    output->bytes = output->first;
    output->length = 0;
    output->room = sizeof output->first;
    output->failed = false;
}

void output_end(struct output *output)
{
    if (output->bytes != output->first)
        free(output->bytes);
}

bool output_grow(struct output *output, size_t length)
{
    if (output->failed)
        return false;
    size_t room = 2 * (output->length + length);
    bool is_first = output->bytes == output->first;
    unsigned char *bytes = realloc(is_first ? NULL : output->bytes, room);
    if (bytes == NULL) {
        output->failed = true;
        return false;
    }
    if (is_first)
        memcpy(bytes, output->first, output->length);
    output->bytes = bytes;
    output->room = room;
    return true;
}
