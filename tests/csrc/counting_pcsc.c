/* A PC/SC library that forwards each call to another one, and counts the contexts and card handles that are open. It
 * can let one call of a function fail. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "pcsc_api.h"

enum { MOST = 4096 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the variables below */
static long contexts;
static size_t handles;
static struct {
    SCARDCONTEXT context;
    SCARDHANDLE handle;
} open_handles[MOST];

#define REAL(need, name, arguments, ...) static LONG (*real_##name)(__VA_ARGS__);
PCSC_FUNCTIONS(REAL)

/* Load the library to forward to; returns 0 if it lacks a function. */
int forward_to(const char *path);
int forward_to(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL)
        return 0;
#define FIND(need, name, arguments, ...)                                                                               \
    *(void **)&real_##name = dlsym(module, #name);                                                                     \
    if (real_##name == NULL)                                                                                           \
        return 0;
    PCSC_FUNCTIONS(FIND)
    return 1;
}

long counted_contexts(void);
long counted_contexts(void)
{
    return contexts;
}

long counted_handles(void);
long counted_handles(void)
{
    return (long)handles;
}

static bool is_closing(const char *function)
{
    return strcmp(function, "SCardReleaseContext") == 0 || strcmp(function, "SCardDisconnect") == 0 ||
           strcmp(function, "SCardEndTransaction") == 0;
}

/* Forget the handles of a context, or this one. */
static void forget(SCARDCONTEXT context, SCARDHANDLE handle)
{
    for (size_t i = handles; i-- > 0;)
        if (open_handles[i].context == context || open_handles[i].handle == handle)
            open_handles[i] = open_handles[--handles];
}

/* Count what was opened or closed. If the resource manager is gone, nothing is left of what was to be closed. */
static void count(const char *function, LONG code, SCARDCONTEXT context, SCARDHANDLE handle)
{
    if (code != 0 && !(is_closing(function) && (uint32_t)code != SCARD_E_INVALID_HANDLE))
        return;
    pthread_mutex_lock(&mutex);
    if (strcmp(function, "SCardEstablishContext") == 0)
        contexts++;
    if (strcmp(function, "SCardReleaseContext") == 0) {
        contexts--;
        forget(context, 0);
    }
    if (strcmp(function, "SCardConnect") == 0 && handles < MOST) {
        open_handles[handles].context = context;
        open_handles[handles++].handle = handle;
    }
    if (strcmp(function, "SCardDisconnect") == 0)
        forget(0, handle);
    pthread_mutex_unlock(&mutex);
}

static char failing[64];
static long countdown; /* 1: the next call of the failing function */
static LONG failing_code;

/* Let the n-th call of a function from now return this code; with 0 for n, return whether none was left to fail. */
int fail_call(const char *function, long n, uint32_t code);
int fail_call(const char *function, long n, uint32_t code)
{
    pthread_mutex_lock(&mutex);
    int has_failed = countdown == 0;
    strncpy(failing, function, sizeof failing - 1);
    countdown = n;
    failing_code = (LONG)code;
    pthread_mutex_unlock(&mutex);
    return has_failed;
}

static bool fails(const char *function)
{
    pthread_mutex_lock(&mutex);
    bool result = countdown > 0 && strcmp(function, failing) == 0 && --countdown == 0;
    pthread_mutex_unlock(&mutex);
    return result;
}

/* A failing call does nothing. One that closes something closes it, since otherwise nobody could. */
#define FORWARD(name, arguments, declared, context, handle)                                                            \
    LONG name declared;                                                                                                \
    LONG name declared                                                                                                 \
    {                                                                                                                  \
        bool is_failing = fails(#name);                                                                                \
        LONG code = is_failing && !is_closing(#name) ? failing_code : real_##name arguments;                           \
        count(#name, code, context, handle);                                                                           \
        return is_failing ? failing_code : code;                                                                       \
    }

/* clang-format off */
FORWARD(SCardEstablishContext, (scope, reserved1, reserved2, context),
        (DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context), 0, 0)
FORWARD(SCardReleaseContext, (context), (SCARDCONTEXT context), context, 0)
FORWARD(SCardIsValidContext, (context), (SCARDCONTEXT context), 0, 0)
FORWARD(SCardReconnect, (handle, share_mode, protocols, initialization, protocol),
        (SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization, DWORD *protocol), 0, 0)
FORWARD(SCardDisconnect, (handle, disposition), (SCARDHANDLE handle, DWORD disposition), 0, handle)
FORWARD(SCardBeginTransaction, (handle), (SCARDHANDLE handle), 0, 0)
FORWARD(SCardEndTransaction, (handle, disposition), (SCARDHANDLE handle, DWORD disposition), 0, 0)
FORWARD(SCardControl, (handle, code_, command, command_length, response, capacity, received),
        (SCARDHANDLE handle, DWORD code_, const void *command, DWORD command_length, void *response, DWORD capacity,
         DWORD *received), 0, 0)
FORWARD(SCardTransmit, (handle, send_pci, command, command_length, receive_pci, response, received),
        (SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command, DWORD command_length,
         SCARD_IO_REQUEST *receive_pci, unsigned char *response, DWORD *received), 0, 0)
FORWARD(SCardFreeMemory, (context, memory), (SCARDCONTEXT context, const void *memory), 0, 0)
FORWARD(SCardCancel, (context), (SCARDCONTEXT context), 0, 0)
FORWARD(SCardGetAttrib, (handle, attribute, value, length),
        (SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length), 0, 0)
FORWARD(SCardSetAttrib, (handle, attribute, value, length),
        (SCARDHANDLE handle, DWORD attribute, const unsigned char *value, DWORD length), 0, 0)
FORWARD(SCardConnect, (context, reader, share_mode, protocols, handle, protocol),
        (SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols, SCARDHANDLE *handle,
         DWORD *protocol), context, *handle)
FORWARD(SCardStatus, (handle, reader, reader_length, state, protocol, atr, atr_length),
        (SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol, unsigned char *atr,
         DWORD *atr_length), 0, 0)
FORWARD(SCardGetStatusChange, (context, timeout, states, count_), (SCARDCONTEXT context, DWORD timeout,
        SCARD_READERSTATE *states, DWORD count_), 0, 0)
FORWARD(SCardListReaderGroups, (context, groups, length), (SCARDCONTEXT context, char *groups, DWORD *length), 0, 0)
FORWARD(SCardListReaders, (context, groups, readers, length),
        (SCARDCONTEXT context, const char *groups, char *readers, DWORD *length), 0, 0)
/* clang-format on */
