/* A thread in SCardGetStatusChange, as a C program has it, which notes when each wait ends. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "pcsc_abi.h"

static LONG (*establish)(DWORD, const void *, const void *, SCARDCONTEXT *);
static LONG (*wait_for_change)(SCARDCONTEXT, DWORD, SCARD_READERSTATE *, DWORD);
static LONG (*cancel)(SCARDCONTEXT);
static LONG (*release)(SCARDCONTEXT);
static SCARDCONTEXT context;
static SCARD_READERSTATE states[2];
static pthread_t thread;
static volatile int64_t woken; /* nanoseconds of the monotonic clock */

static void *run(void *unused)
{
    (void)unused;
    while (wait_for_change(context, INFINITE, states, 2) == SCARD_S_SUCCESS) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        for (int i = 0; i < 2; i++)
            states[i].dwCurrentState = states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
        __atomic_store_n(&woken, now.tv_sec * 1000000000LL + now.tv_nsec, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* Wait on this PC/SC library for changes of a reader and of the list of readers; returns 0 if that is impossible. */
int start_waiting(const char *library, const char *reader);
int start_waiting(const char *library, const char *reader)
{
    void *module = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL)
        return 0;
    *(void **)&establish = dlsym(module, "SCardEstablishContext");
    *(void **)&wait_for_change = dlsym(module, "SCardGetStatusChange");
    *(void **)&cancel = dlsym(module, "SCardCancel");
    *(void **)&release = dlsym(module, "SCardReleaseContext");
    states[0].szReader = reader;
    states[1].szReader = "\\\\?PnP?\\Notification";
    return establish(0, NULL, NULL, &context) == SCARD_S_SUCCESS &&
           wait_for_change(context, 0, &states[1], 1) != SCARD_S_SUCCESS &&
           pthread_create(&thread, NULL, run, NULL) == 0;
}

/* Return when the last wait ended. */
int64_t last_woken(void);
int64_t last_woken(void)
{
    return __atomic_load_n(&woken, __ATOMIC_SEQ_CST);
}

void stop_waiting(void);
void stop_waiting(void)
{
    cancel(context);
    pthread_join(thread, NULL);
    release(context);
}
