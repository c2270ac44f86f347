/* The world is one process: its readers, cards, contexts and handles, and the mutex over all of them. */
#ifndef SCARDFFI_VIRTUAL_WORLD_H
#define SCARDFFI_VIRTUAL_WORLD_H

#include <pthread.h>
#include <stdbool.h>

#include "card.h"
#include "pcsc_abi.h"
#include "scardvirtual.h"

enum { READERS = 64 };

#define PROTOCOL_ANY_OLD 0x1000u /* what programs of old say for T=0 or T=1, to pcsc-lite too */

struct context {
    SCARDCONTEXT number;
    unsigned cancels; /* SCardCancel adds one: who was waiting before sees the difference */
    bool dead;        /* the resource manager has stopped since */
    struct handle *handles;
};

struct handle {
    SCARDHANDLE number;
    struct context *context;
    struct reader *reader;
    struct handle *next;  /* of the same context */
    unsigned plugging;    /* behind reader->plugging: the reader was unplugged under this handle */
    unsigned events_seen; /* behind reader->card_events: the card was reset or removed under this handle */
};

struct reader {
    char name[MAX_READERNAME];
    bool plugged;
    unsigned plugging;    /* how often it was plugged in, or lost its handles otherwise */
    unsigned handles;     /* all, also of a plugging before: the slot is not another reader's meanwhile */
    unsigned connections; /* those of now */
    struct handle *exclusive; /* the handle that connected in exclusive mode */
    struct handle *transaction_owner;
    unsigned transaction_depth;

    struct card *card; /* NULL: none */
    bool powered;
    DWORD protocol; /* what was negotiated since the last reset, SCARD_PROTOCOL_UNDEFINED: nothing */
    DWORD events;   /* insertions and removals */
    unsigned long insertion; /* of the card that was inserted last: no other one has this number */
    unsigned card_events; /* resets and removals: what handles have to be told */
    LONG last_card_event; /* SCARD_W_RESET_CARD or SCARD_W_REMOVED_CARD */

    bool busy;             /* something runs without the mutex: a command, a reset, a control code */
    struct card *running;  /* the card at that time; it may be taken out meanwhile */
    struct handle *runner; /* for whom it runs; NULL: for no handle */
    pthread_t worker;      /* on which thread */
    unsigned run_plugging; /* reader->plugging at its beginning */
    pthread_cond_t turn;   /* a transaction, a command or a connection has ended, or a card or handle is gone */

    uint32_t latency_us; /* of each command */
    unsigned char ifs_request[sizeof(DWORD)]; /* SCARD_ATTR_SUPRESS_T1_IFS_REQUEST */
    DWORD ifs_request_length;
    struct scardvirtual_control control; /* its function NULL: control codes are answered here */
};

extern pthread_mutex_t world_mutex;
extern pthread_cond_t world_changed; /* something that SCardGetStatusChange waits for */
extern struct reader world_readers[READERS];
extern unsigned world_plugs;  /* readers that came and went, the low 16 bits shown to programs */
extern bool world_stopped;    /* the resource manager does not run */

/* What follows is called with the mutex held. */

bool ready_world(void);  /* before anything else; false: no memory */
void forget_world(void); /* in the child of a fork: what was there is the parent's */

struct reader *find_reader(const char *name); /* NULL: there is none */

/* Its insertions and removals as programs are shown them: 16 bits, 0 where the platform does not count. */
DWORD count_of_events(const struct reader *reader);

/* SCARD_E_INVALID_VALUE for a name that is none, SCARD_E_SHARING_VIOLATION: it is there, SCARD_E_NO_MEMORY: too many */
LONG plug_reader(const char *name, struct reader **reader);
void unplug_reader(struct reader *reader);

/* The card is the reader's then; SCARD_E_SHARING_VIOLATION: there is one in it, and the caller keeps his. */
LONG insert_card(struct reader *reader, struct card *card);
void remove_card(struct reader *reader);

/* Every handle of the reader is told: SCARD_W_RESET_CARD or SCARD_W_REMOVED_CARD. */
void tell_handles(struct reader *reader, LONG event);

/* All contexts and handles die; new ones are refused until it starts. */
void stop_service(void);
void start_service(void);

struct context *open_context(void); /* NULL: too many */
struct context *find_context(SCARDCONTEXT number);
LONG find_usable_context(SCARDCONTEXT number, struct context **context); /* or SCARD_E_NO_SERVICE */
void close_context(struct context *context); /* has no handles left */

struct handle *open_handle(struct context *context, struct reader *reader); /* NULL: too many */
struct handle *find_handle(SCARDHANDLE number);
/* PCSC_NO_SUCH_HANDLE, SCARD_E_NO_SERVICE, or SCARD_E_INVALID_VALUE where its reader is gone */
LONG find_usable_handle(SCARDHANDLE number, struct handle **handle);
bool is_gone(const struct handle *handle); /* its reader was unplugged */
void close_handle(struct handle *handle);  /* its transaction and exclusive access end */

#endif
