/* Searches the writable memory of this process, fast enough to do it after each of some hundred interruptions. */
#define _GNU_SOURCE

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 64, PAGE = 4096 };

static unsigned char piece[MOST]; /* what is searched for; zeros before and after */

/* A thread's stack begins with pages that are readable according to /proc/self/maps but are not, and another thread
 * may unmap memory during the search. The search continues after such a page. */
static pthread_t searcher;
static sigjmp_buf after_fault;
static unsigned char *place; /* from where on to search */

static void skip_page(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!pthread_equal(pthread_self(), searcher)) { /* a fault of the program */
        signal(number, SIG_DFL);
        return;
    }
    place = (unsigned char *)(((unsigned long)info->si_addr / PAGE + 1) * PAGE);
    siglongjmp(after_fault, 1);
}

static long count_in(unsigned char *start, unsigned char *end, size_t length)
{
    static long found;
    found = 0;
    place = start;
    (void)sigsetjmp(after_fault, 1);
    while (place < end) {
        unsigned char *copy = memmem(place, (size_t)(end - place), piece, length);
        if (copy == NULL)
            break;
        found += copy != piece;
        place = copy + 1;
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
    struct sigaction skipping = {0}, before;
    skipping.sa_sigaction = skip_page;
    skipping.sa_flags = SA_SIGINFO;
    searcher = pthread_self();
    sigaction(SIGSEGV, &skipping, &before);
    char line[512];
    long found = 0;
    unsigned long start, end;
    char access[8];
    while (fgets(line, sizeof line, maps) != NULL)
        if (sscanf(line, "%lx-%lx %7s", &start, &end, access) == 3 && access[0] == 'r' && access[1] == 'w')
            found += count_in((unsigned char *)start, (unsigned char *)end, length);
    sigaction(SIGSEGV, &before, NULL);
    memset(piece, 0, sizeof piece);
    fclose(maps);
    return found;
}
