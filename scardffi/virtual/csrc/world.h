/* The world is one process: its readers, contexts and handles, and the mutex over all of them. */
#ifndef SCARDFFI_VIRTUAL_WORLD_H
#define SCARDFFI_VIRTUAL_WORLD_H

#include <pthread.h>
#include <stdbool.h>

#include "card.h"
#include "pcsc_abi.h"

enum { READERS = 1 };

struct context {
    SCARDCONTEXT number;
    unsigned cancels; /* SCardCancel adds one: who was waiting before sees the difference */
    struct handle *handles;
};

struct handle {
    SCARDHANDLE number;
    struct context *context;
    struct reader *reader;
    struct handle *next; /* of the same context */
    unsigned resets_seen; /* behind reader->resets: the card was reset under this handle */
};

struct reader {
    const char *name;
    struct card *card;
    bool powered;
    DWORD protocol; /* what was negotiated since the last reset, SCARD_PROTOCOL_UNDEFINED: nothing */
    DWORD events;   /* insertions and removals; the low 16 bits are shown to programs */
    unsigned resets;
    unsigned connections;
    struct handle *exclusive;         /* the handle that connected in exclusive mode */
    struct handle *transaction_owner;
    unsigned transaction_depth;
    struct handle *working; /* whose command the card is running, without the mutex */
    pthread_cond_t turn;    /* a transaction, a command or a connection has ended, or a handle is gone */
};

extern pthread_mutex_t world_mutex;
extern pthread_cond_t world_changed; /* something that SCardGetStatusChange waits for */
extern struct reader world_readers[READERS];

/* Ready for a first context: SCARD_S_SUCCESS, or SCARD_E_NO_MEMORY. Takes the mutex by itself; all that
 * follows is called with the mutex held. */
LONG world_start(void);

struct reader *find_reader(const char *name); /* NULL: there is none */

struct context *open_context(void); /* NULL: too many */
struct context *find_context(SCARDCONTEXT number);
void close_context(struct context *context); /* has no handles left */

struct handle *open_handle(struct context *context, struct reader *reader); /* NULL: too many */
struct handle *find_handle(SCARDHANDLE number);
void close_handle(struct handle *handle); /* its transaction and exclusive access end */

#endif
