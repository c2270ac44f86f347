/* The plain C loops that all other rows are compared with. They call the functions of a library loaded by path through
 * pointers, and only check each return code and length.
 *
 * A worker of workers.py: argv[1] is the library; each line of the input is "row capacity command count". If count is
 * 0, it makes one exchange and prints the response in hexadecimal. Otherwise it makes `count` exchanges and prints the
 * nanoseconds for one of them. In the row "behind" it writes the responses one behind the other into memory of this
 * capacity, and begins again at the beginning when the memory has no room for the longest response. The rows "attach",
 * "attach-own" (with a context of its own each time), "status" and "wait" make other calls, see workers.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pcsc_abi.h"

typedef LONG establish_function(DWORD, const void *, const void *, SCARDCONTEXT *);
typedef LONG release_function(SCARDCONTEXT);
typedef LONG list_function(SCARDCONTEXT, const char *, char *, DWORD *);
typedef LONG status_function(SCARDCONTEXT, DWORD, SCARD_READERSTATE *, DWORD);
typedef LONG connect_function(SCARDCONTEXT, const char *, DWORD, DWORD, SCARDHANDLE *, DWORD *);
typedef LONG disconnect_function(SCARDHANDLE, DWORD);
typedef LONG transmit_function(SCARDHANDLE, const SCARD_IO_REQUEST *, const unsigned char *, DWORD, SCARD_IO_REQUEST *,
                               unsigned char *, DWORD *);

static establish_function *establish;
static release_function *release;
static list_function *list;
static status_function *get_status_change;
static connect_function *connect_card;
static disconnect_function *disconnect;
static transmit_function *transmit;
static SCARDCONTEXT context;
static char readers[4096]; /* the first one is used */
static SCARDHANDLE card;
static SCARD_IO_REQUEST pci = {0, sizeof pci};

static void fail(const char *problem)
{
    printf("error %s\n", problem);
    fflush(stdout);
    exit(1);
}

static void load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL)
        fail("the library cannot be loaded");
    establish = (establish_function *)dlsym(library, "SCardEstablishContext");
    release = (release_function *)dlsym(library, "SCardReleaseContext");
    list = (list_function *)dlsym(library, "SCardListReaders");
    get_status_change = (status_function *)dlsym(library, "SCardGetStatusChange");
    connect_card = (connect_function *)dlsym(library, "SCardConnect");
    disconnect = (disconnect_function *)dlsym(library, "SCardDisconnect");
    transmit = (transmit_function *)dlsym(library, "SCardTransmit");
    if (!establish || !release || !list || !get_status_change || !connect_card || !disconnect || !transmit)
        fail("the library lacks a function");
    DWORD length = sizeof readers;
    if (establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) || list(context, NULL, readers, &length))
        fail("no reader");
}

static void connect_to_first_reader(SCARDCONTEXT used, SCARDHANDLE *handle, DWORD *protocol)
{
    if (connect_card(used, readers, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, handle, protocol))
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

static void attach(SCARDCONTEXT used)
{
    SCARDHANDLE handle;
    DWORD protocol;
    connect_to_first_reader(used, &handle, &protocol);
    if (disconnect(handle, SCARD_LEAVE_CARD))
        fail("SCardDisconnect failed");
}

static void attach_in_own_context(void)
{
    SCARDCONTEXT own;
    if (establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &own))
        fail("SCardEstablishContext failed");
    attach(own);
    if (release(own))
        fail("SCardReleaseContext failed");
}

static void ask_for_state(void)
{
    SCARD_READERSTATE state = {.szReader = readers, .dwCurrentState = SCARD_STATE_UNAWARE};
    if (get_status_change(context, 0, &state, 1))
        fail("SCardGetStatusChange failed");
}

/* Return the time at which the next card is inserted or removed. */
static double wait_for_change(void)
{
    static SCARD_READERSTATE state = {.szReader = readers, .dwCurrentState = SCARD_STATE_EMPTY};
    DWORD before = state.dwCurrentState & SCARD_STATE_PRESENT;
    do {
        if (get_status_change(context, INFINITE, &state, 1))
            fail("SCardGetStatusChange failed");
        state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    } while ((state.dwCurrentState & SCARD_STATE_PRESENT) == before);
    return nanoseconds();
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

/* Return the time of one of `count` calls of a row that makes no exchange. */
static double other_calls(const char *row, unsigned long count)
{
    double start = nanoseconds();
    for (unsigned long i = 0; i < count; i++) {
        if (strcmp(row, "attach") == 0)
            attach(context);
        else if (strcmp(row, "attach-own") == 0)
            attach_in_own_context();
        else
            ask_for_state();
    }
    return (nanoseconds() - start) / (double)count;
}

/* For programs that load this file as a library: return the time of one of `count` exchanges. */
double time_exchanges(const char *library, const unsigned char *command, DWORD length, unsigned long count);
double time_exchanges(const char *library, const unsigned char *command, DWORD length, unsigned long count)
{
    static unsigned char response[MAX_BUFFER_SIZE_EXTENDED];
    if (card == 0) {
        load(library);
        connect_to_first_reader(context, &card, &pci.dwProtocol);
    }
    double start = nanoseconds();
    for (unsigned long i = 0; i < count; i++)
        exchange(command, length, response, sizeof response);
    return (nanoseconds() - start) / (double)count;
}

static void print_exchanges(const char *row, const unsigned char *command, DWORD length, unsigned long capacity,
                            unsigned long count)
{
    static unsigned char response[MAX_BUFFER_SIZE_EXTENDED];
    if (card == 0)
        connect_to_first_reader(context, &card, &pci.dwProtocol);
    if (count == 0) {
        DWORD received = exchange(command, length, response, capacity);
        for (DWORD i = 0; i < received; i++)
            printf("%02x", response[i]);
        printf("\n");
        return;
    }
    unsigned char *memory = strcmp(row, "behind") == 0 ? memory_of(capacity) : NULL;
    double start = nanoseconds();
    if (memory != NULL)
        exchanges_behind(command, length, memory, capacity, count);
    for (unsigned long i = 0; memory == NULL && i < count; i++)
        exchange(command, length, response, capacity);
    printf("%.3f\n", (nanoseconds() - start) / (double)count);
}

int main(int argc, char **argv)
{
    static unsigned char command[256];
    static char hex[513], row[32];
    unsigned long capacity, count;
    if (argc != 2)
        fail("one argument is needed, the library");
    load(argv[1]);
    while (scanf("%31s %lu %512s %lu", row, &capacity, hex, &count) == 4) {
        DWORD length = strlen(hex) / 2;
        for (DWORD i = 0; i < length; i++)
            sscanf(hex + 2 * i, "%2hhx", &command[i]);
        if (strcmp(row, "wait") == 0)
            printf("%.0f\n", wait_for_change());
        else if (strncmp(row, "attach", 6) == 0 || strcmp(row, "status") == 0)
            printf("%.3f\n", other_calls(row, count));
        else
            print_exchanges(row, command, length, capacity, count);
        fflush(stdout);
    }
    return 0;
}
