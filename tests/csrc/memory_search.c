/* Searches the writable memory of this process, fast enough to do it after each of some hundred interruptions. */
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

enum { MOST = 64 };

static unsigned char piece[MOST]; /* what is searched for; zeros before and after */

static long count_in(unsigned char *start, unsigned char *end, size_t length)
{
    long found = 0;
    unsigned char *place;
    while ((place = memmem(start, (size_t)(end - start), piece, length)) != NULL) {
        found += place != piece;
        start = place + 1;
    }
    return found;
}

/* Return how often the memory has these bytes, which are given by their complement so that the caller has no copy. */
long copies_of(const unsigned char *complement, size_t length);
long copies_of(const unsigned char *complement, size_t length)
{
    if (length > MOST)
        return -1;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        return -1;
    for (size_t i = 0; i < length; i++)
        piece[i] = (unsigned char)~complement[i];
    char line[512];
    long found = 0;
    unsigned long start, end;
    char access[8];
    while (fgets(line, sizeof line, maps) != NULL)
        if (sscanf(line, "%lx-%lx %7s", &start, &end, access) == 3 && access[0] == 'r' && access[1] == 'w')
            found += count_in((unsigned char *)start, (unsigned char *)end, length);
    memset(piece, 0, sizeof piece);
    fclose(maps);
    return found;
}
