/* The plain C loop that all other rows are compared with. It calls SCardTransmit through the function pointer of a
 * library loaded by path, and only checks each return code and length.
 *
 * A worker of workers.py: argv[1] is the library; each line of the input is "row capacity command count". If count is
 * 0, it makes one exchange and prints the response in hexadecimal. Otherwise it makes `count` exchanges and prints the
 * nanoseconds for one of them. In the row "behind" it writes the responses one behind the other into memory of this
 * capacity, and begins again at the beginning when the memory has no room for the longest response.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pcsc_abi.h"

typedef LONG establish_function(DWORD, const void *, const void *, SCARDCONTEXT *);
typedef LONG list_function(SCARDCONTEXT, const char *, char *, DWORD *);
typedef LONG connect_function(SCARDCONTEXT, const char *, DWORD, DWORD, SCARDHANDLE *, DWORD *);
typedef LONG transmit_function(SCARDHANDLE, const SCARD_IO_REQUEST *, const unsigned char *, DWORD, SCARD_IO_REQUEST *,
                               unsigned char *, DWORD *);

static transmit_function *transmit;
static SCARDHANDLE card;
static SCARD_IO_REQUEST pci = {0, sizeof pci};

static void fail(const char *problem)
{
    printf("error %s\n", problem);
    fflush(stdout);
    exit(1);
}

static void connect_to_first_reader(void *library)
{
    establish_function *establish = (establish_function *)dlsym(library, "SCardEstablishContext");
    list_function *list = (list_function *)dlsym(library, "SCardListReaders");
    connect_function *connect = (connect_function *)dlsym(library, "SCardConnect");
    transmit = (transmit_function *)dlsym(library, "SCardTransmit");
    SCARDCONTEXT context;
    char readers[4096];
    DWORD length = sizeof readers;
    if (establish == NULL || list == NULL || connect == NULL || transmit == NULL)
        fail("the library lacks a function");
    if (establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) || list(context, NULL, readers, &length))
        fail("no reader");
    if (connect(context, readers, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &pci.dwProtocol))
        fail("no card");
}

static double nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static DWORD exchange(const unsigned char *command, DWORD command_length, unsigned char *response, DWORD capacity)
{
    DWORD received = capacity;
    LONG code = transmit(card, &pci, command, command_length, NULL, response, &received);
    if (code != 0 || received < 2)
        fail("SCardTransmit failed");
    return received;
}

/* Make exchanges whose responses lie one behind the other in the memory. */
static void exchanges_behind(const unsigned char *command, DWORD command_length, unsigned char *memory, size_t size,
                             unsigned long count)
{
    size_t used = 0;
    for (unsigned long i = 0; i < count; i++) {
        if (size - used < MAX_BUFFER_SIZE_EXTENDED)
            used = 0;
        used += exchange(command, command_length, memory + used, MAX_BUFFER_SIZE_EXTENDED);
    }
}

/* Return memory of this size. Its pages are in use, so that the loop does not wait for the kernel. */
static unsigned char *memory_of(size_t size)
{
    static unsigned char *memory;
    static size_t memory_size;
    if (size > memory_size) {
        free(memory);
        memory = malloc(size);
        if (memory == NULL)
            fail("no memory");
        memset(memory, 1, size);
        memory_size = size;
    }
    return memory;
}

int main(int argc, char **argv)
{
    static unsigned char command[256];
    static char hex[513], row[32];
    unsigned long capacity, count;
    unsigned char *response = malloc(MAX_BUFFER_SIZE_EXTENDED);
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (library == NULL || response == NULL)
        fail("the library cannot be loaded");
    connect_to_first_reader(library);
    while (scanf("%31s %lu %512s %lu", row, &capacity, hex, &count) == 4) {
        DWORD length = strlen(hex) / 2;
        for (DWORD i = 0; i < length; i++)
            sscanf(hex + 2 * i, "%2hhx", &command[i]);
        if (count == 0) {
            DWORD received = exchange(command, length, response, capacity);
            for (DWORD i = 0; i < received; i++)
                printf("%02x", response[i]);
            printf("\n");
        } else if (strcmp(row, "behind") == 0) {
            unsigned char *memory = memory_of(capacity);
            double start = nanoseconds();
            exchanges_behind(command, length, memory, capacity, count);
            printf("%.3f\n", (nanoseconds() - start) / (double)count);
        } else {
            double start = nanoseconds();
            for (unsigned long i = 0; i < count; i++)
                exchange(command, length, response, capacity);
            printf("%.3f\n", (nanoseconds() - start) / (double)count);
        }
        fflush(stdout);
    }
    return 0;
}
