/* The virtual resource manager: the readers, cards, contexts and handles of this process, and the mutex over them. */
#ifndef SCARDFFI_VIRTUAL_RESOURCE_MANAGER_H
#define SCARDFFI_VIRTUAL_RESOURCE_MANAGER_H

#include <pthread.h>
#include <stdbool.h>

#include "card.h"
#include "pcsc_abi.h"
#include "scardvirtual.h"

enum { MAX_READERS = 1024 };

#define SCARD_PROTOCOL_ANY_OLD 0x1000u /* pcsc-lite's older name for T=0 or T=1 */

struct context {
    SCARDCONTEXT number;
    unsigned cancel_count; /* the number of calls of SCardCancel; a wait ends if it changes */
    bool is_lost;          /* the resource manager has stopped since the context was established */
    struct handle *handles;
    unsigned waiting_connects; /* calls of SCardConnect that wait for a reader with this context */
};

struct handle {
    SCARDHANDLE number;
    struct context *context;
    struct reader *reader;
    struct handle *next;       /* the next handle of the same context */
    unsigned generation;       /* copied from the reader at opening; the handle is stale if the reader's has changed */
    unsigned card_events_seen; /* if the reader's count is higher, the card was reset or removed since */
};

struct reader {
    char name[MAX_READERNAME]; /* an unplugged reader keeps it until the slot is used for another reader */
    struct reader *next;       /* the next reader in the same chain of the table of names */
    bool is_plugged;
    unsigned generation;       /* increases when the reader is plugged in or its handles become invalid */
    unsigned handle_count;     /* all open handles, stale ones too; the slot is not reused before it is 0 */
    unsigned connection_count; /* open handles that are not stale */
    struct handle *exclusive_handle;
    struct handle *transaction_owner;
    unsigned transaction_depth;

    struct card *card; /* NULL if the reader is empty */
    bool is_powered;
    DWORD protocol;                 /* the protocol negotiated since the last reset, or SCARD_PROTOCOL_UNDEFINED */
    DWORD event_count;              /* insertions and removals */
    unsigned long insertion_number; /* of the last inserted card; unique in the process */
    unsigned card_event_count;      /* resets and removals of the card, for which handles get a code */
    LONG last_card_event;           /* SCARD_W_RESET_CARD or SCARD_W_REMOVED_CARD */

    /* While a command, a reset or a control code runs without the mutex: */
    bool is_busy;
    struct card *busy_card;     /* the card when it began; it may be removed before it ends */
    struct handle *busy_handle; /* the handle it runs for, or NULL */
    pthread_t busy_thread;
    unsigned busy_generation; /* the reader's generation when it began */

    pthread_cond_t changed; /* a transaction, a command or a connection has ended, or a card or handle was removed */

    uint32_t latency_us;                      /* added to each command */
    unsigned char ifs_request[sizeof(DWORD)]; /* SCARD_ATTR_SUPRESS_T1_IFS_REQUEST */
    DWORD ifs_request_length;
    struct scardvirtual_control control; /* its function is NULL if there is no callback */
};

extern pthread_mutex_t manager_mutex;
extern pthread_cond_t manager_changed;              /* a change that SCardGetStatusChange waits for */
extern struct reader *manager_plugged[MAX_READERS]; /* the plugged readers in the order of their slots */
extern unsigned manager_plugged_count;
extern unsigned manager_reader_changes; /* readers plugged in and unplugged; programs see the low 16 bits */
extern bool manager_is_stopped;

/* True if the context is open, even if it is lost. Locks the mutex. */
bool context_is_open(SCARDCONTEXT number);

/* All other functions are called with the mutex held. */

bool manager_init(void);             /* before everything else; returns false if memory runs out */
void manager_reset_after_fork(void); /* in the child, which inherits no readers, contexts or handles */

/* Stopping loses all contexts and handles; new ones are refused until the manager starts again. */
void manager_stop(void);
void manager_start(void);

struct reader *reader_find(const char *name); /* NULL if no reader has this name */

/* Insertions and removals as programs see them: 16 bits, 0 on platforms that do not count. */
DWORD reader_event_counter(const struct reader *reader);

/* Returns SCARD_E_INVALID_VALUE if the name is empty, too long or not UTF-8, SCARD_E_SHARING_VIOLATION if a reader with
 * this name exists, and SCARD_E_NO_MEMORY if no slot is free: there are MAX_READERS, and an unplugged reader keeps its
 * slot until its last handle is closed. */
LONG reader_plug(const char *name, struct reader **reader);
void reader_unplug(struct reader *reader);

/* The reader owns the card afterwards. If the reader already holds a card, returns SCARD_E_SHARING_VIOLATION, and the
 * caller still owns this one. */
LONG reader_insert_card(struct reader *reader, struct card *card);
void reader_remove_card(struct reader *reader);

/* Each handle of the reader gets SCARD_W_RESET_CARD or SCARD_W_REMOVED_CARD until it reconnects. */
void reader_set_card_event(struct reader *reader, LONG event);

struct context *context_open(void); /* NULL if there are too many */
struct context *context_find(SCARDCONTEXT number);
LONG context_find_usable(SCARDCONTEXT number, struct context **context); /* SCARD_E_NO_SERVICE if it is lost */
void context_close(struct context *context);                             /* it must have no handles */

struct handle *handle_open(struct context *context, struct reader *reader); /* NULL if there are too many */
struct handle *handle_find(SCARDHANDLE number);
/* Returns PCSC_NO_SUCH_HANDLE if there is no such handle, SCARD_E_NO_SERVICE if its context is lost, and
 * SCARD_E_INVALID_VALUE if it is stale. */
LONG handle_find_usable(SCARDHANDLE number, struct handle **handle);
bool handle_is_stale(const struct handle *handle); /* its reader was unplugged, or the manager stopped */
void handle_close(struct handle *handle);          /* ends its transaction and exclusive access */

#endif
