/* The manage object in C. A call holds only the mutex of the card handle. Attach and detach also hold the object's
 * mutex, which is always locked first. */
#include "manage.h"

#include <stdlib.h>
#include <string.h>

#include "pcsc_strings.h"

struct scardffi_manage {
    const scardffi_library *library;
    unsigned process;         /* platform_process() when it was created */
    bool abandoned;           /* manage_abandon was called */
    unsigned references;      /* its owner and its transactions; guarded by the global lock */
    platform_mutex mutex;     /* guards attach against detach */
    struct card_handle *card; /* atomic; NULL while detached; written under `mutex` and the card's mutex */
    SCARDHANDLE handle;       /* atomic */
    intptr_t owned;           /* atomic; 1: detach disconnects the handle */
    intptr_t locks;           /* atomic; transactions begun here and not ended; written under the card's mutex */
    intptr_t generation;      /* atomic; card->generation at attach; if that differs now, the attachment is stale */
    uint64_t attachment;      /* the number of this attachment; written under `mutex` and the card's mutex */
    intptr_t detaching;       /* atomic; 1 while manage_detach waits for the card's mutex */
    intptr_t given_up;        /* atomic; 1 from manage_give_up to manage_end_given_up */
    /* the rest is guarded by the card's mutex */
    bool was_exclusive; /* exclusive access was given up, and the reader may still be locked */
    bool has_context;
    SCARDCONTEXT context; /* the native context of this attachment, if `has_context` */
    uint32_t share_mode;
};

uint32_t manage_hresult(uint32_t code)
{
    if (code == SCARD_S_SUCCESS || (code & 0x80000000u) != 0)
        return code;
    return 0x80070000u | (code & 0xFFFFu);
}

scardffi_manage *manage_create(const scardffi_library *library)
{
    scardffi_manage *created = calloc(1, sizeof *created);
    if (created == NULL)
        return NULL;
    platform_watch_forks();
    created->library = library;
    created->process = platform_process();
    created->references = 1;
    platform_mutex_init(&created->mutex);
    return created;
}

uint32_t manage_new(const scardffi_library *library, scardffi_manage **manage)
{
    if (library == NULL || manage == NULL)
        return SCARDFFI_E_POINTER;
    *manage = manage_create(library);
    return *manage != NULL ? SCARDFFI_OK : SCARDFFI_E_OUTOFMEMORY;
}

bool manage_is_forked(const scardffi_manage *manage)
{
    return manage->process != platform_process();
}

void manage_free(scardffi_manage *manage)
{
    if (manage == NULL)
        return;
    platform_global_lock();
    unsigned references = --manage->references;
    platform_global_unlock();
    if (references > 0)
        return;
    if (manage->card != NULL && !manage_is_forked(manage)) /* in a fork, the handle belongs to the parent */
        card_handle_release(manage->card);
    free(manage);
}

bool manage_is_stale(const scardffi_manage *manage)
{
    struct card_handle *card = platform_atomic_load(&manage->card);
    return card != NULL && platform_atomic_load(&manage->generation) != platform_atomic_load(&card->generation);
}

bool manage_is_given_up(const scardffi_manage *manage)
{
    return platform_atomic_load(&manage->given_up) != 0;
}

struct card_handle *manage_enter(scardffi_manage *manage)
{
    return manage_enter_turn(manage, NULL);
}

/* Wait for the end of another call's turn. The mutex is held. Returns false if that call is one of this thread, which
 * cannot end while this thread waits. */
static bool wait_for_turn(struct card_handle *card)
{
    if (card->holder_thread == platform_thread())
        return false;
    platform_condition_wait(&card->turn_ended, &card->mutex);
    return true;
}

struct card_handle *manage_enter_turn(scardffi_manage *manage, const struct flow *flow)
{
    if (manage == NULL || manage_is_forked(manage))
        return NULL;
    struct card_handle *card;
    bool can_wait = true;
    while (can_wait && !manage_is_given_up(manage) && (card = platform_atomic_load(&manage->card)) != NULL) {
        platform_mutex_lock(&card->mutex);
        if (platform_atomic_load(&manage->card) == card) {
            if (manage_is_stale(manage) || manage_is_given_up(manage)) {
                platform_mutex_unlock(&card->mutex);
                return NULL;
            }
            const struct flow *holder = platform_atomic_load(&card->holder);
            if (holder == NULL || holder == flow)
                return card;
            can_wait = wait_for_turn(card);
        }
        platform_mutex_unlock(&card->mutex); /* detached, and perhaps attached again, while this thread waited */
    }
    return NULL;
}

void manage_abandon(scardffi_manage *manage)
{
    manage->abandoned = true;
}

void manage_close(scardffi_manage *manage)
{
    if (manage_needs_detach(manage) && !manage->abandoned)
        manage_detach(manage, SCARD_LEAVE_CARD);
    manage_free(manage);
}

bool manage_is_detaching(const scardffi_manage *manage)
{
    return platform_atomic_load(&manage->detaching) != 0;
}

void manage_wait_for_detach(scardffi_manage *manage)
{
    platform_mutex_lock(&manage->mutex);
    platform_mutex_unlock(&manage->mutex);
}

uint32_t manage_leave(struct card_handle *card, uint32_t code)
{
    platform_mutex_unlock(&card->mutex);
    return manage_hresult(code);
}

/* Ask for a small attribute. The resource manager answers at once, even if another program holds the card. */
static uint32_t probe(const scardffi_library *library, SCARDHANDLE handle)
{
    unsigned char name[MAX_READERNAME];
    DWORD length = sizeof name;
    return pcsc_SCardGetAttrib(library, handle, SCARD_ATTR_DEVICE_FRIENDLY_NAME, name, &length);
}

/* Convert the code of probe(). Codes that are only possible with a valid handle become SCARDFFI_OK. */
static uint32_t probe_result(uint32_t code)
{
    switch (code) {
    case SCARD_E_SHARING_VIOLATION:
    case SCARD_E_UNSUPPORTED_FEATURE:
    case SCARD_E_INSUFFICIENT_BUFFER:
    case SCARD_W_RESET_CARD: /* valid: the first use returns this code again */
    case PCSC_WIN32_NOT_SUPPORTED:
        return SCARDFFI_OK;
    case SCARD_E_INVALID_HANDLE:
    case PCSC_WIN32_INVALID_HANDLE:
        return SCARDFFI_E_INVALIDARG;
    case SCARD_E_NO_MEMORY:
        return SCARDFFI_E_OUTOFMEMORY;
    default:
        return manage_hresult(code);
    }
}

/* Some libraries initialize themselves in the first SCardEstablishContext and fail before it. */
static uint32_t probe_with_context(const scardffi_library *library, SCARDHANDLE handle)
{
    SCARDCONTEXT context;
    uint32_t code = pcsc_SCardEstablishContext(library, SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (code != SCARD_S_SUCCESS)
        return code;
    code = probe(library, handle);
    pcsc_SCardReleaseContext(library, context);
    return code;
}

/* End the transactions that were begun here. Returns false if one may still be held: after a reset it cannot be
 * ended. */
static bool end_transactions(scardffi_manage *manage, struct card_handle *card)
{
    uint32_t code = SCARD_S_SUCCESS;
    while (manage->locks > 0 && code == SCARD_S_SUCCESS) {
        code = pcsc_SCardEndTransaction(card->library, card->value, SCARD_LEAVE_CARD);
        platform_atomic_store(&manage->locks, manage->locks - 1);
    }
    return code == SCARD_S_SUCCESS;
}

/* Close an owned handle. The card's mutex is held.
 *
 * If PCSC_RELEASE_LEAVES_CARD is true and the disposition is SCARD_LEAVE_CARD, a handle with a context of its own is
 * closed by releasing this context: libpcsclite's SCardDisconnect walks the list of contexts without its lock, and
 * crashes if another thread releases a context at that moment (seen on 1.9.9).
 * The daemon resets a card whose transaction ends with the context, so the transactions are ended first. */
static uint32_t disconnect(scardffi_manage *manage, struct card_handle *card, uint32_t disposition)
{
    bool with_context = manage->has_context && PCSC_RELEASE_LEAVES_CARD && disposition == SCARD_LEAVE_CARD;
    if (with_context && end_transactions(manage, card))
        return SCARD_S_SUCCESS;
    return pcsc_SCardDisconnect(card->library, card->value, disposition);
}

/* End the attachment's use of the handle. The card's mutex is held. */
static uint32_t close_handle(scardffi_manage *manage, struct card_handle *card, uint32_t disposition)
{
    bool stale = manage_is_stale(manage); /* the number may belong to another connection now */
    uint32_t code = SCARD_S_SUCCESS;
    if (!stale && !manage->owned)
        end_transactions(manage, card);
    if (!stale && manage->owned) {
        code = disconnect(manage, card, disposition);
        card_handle_renew(card); /* ends the attachments of other objects to this handle */
        card_handle_end_turn(card);
    }
    if (!manage->has_context)
        return code;
    uint32_t release_code = pcsc_SCardReleaseContext(card->library, manage->context);
    return code != SCARD_S_SUCCESS || stale ? code : release_code;
}

/* Detach an object that is attached, or whose attachment is stale. Its mutex is held. */
static uint32_t detach(scardffi_manage *manage, uint32_t disposition)
{
    struct card_handle *card = manage->card;
    platform_atomic_store(&manage->detaching, 1);
    platform_mutex_lock(&card->mutex); /* does not wait for a call that is between two steps */
    platform_atomic_store(&manage->detaching, 0);
    uint32_t code = close_handle(manage, card, disposition);
    platform_atomic_store(&manage->card, NULL);
    if (card->holder_manage == manage)
        card_handle_end_turn(card);
    uint32_t result = manage_leave(card, code);
    card_handle_release(card);
    return result;
}

/* True if the object can be attached. A stale attachment is ended. The object's mutex is held. */
static bool make_free(scardffi_manage *manage)
{
    if (manage->card != NULL && manage_is_stale(manage))
        detach(manage, SCARD_LEAVE_CARD);
    return manage->card == NULL;
}

/* Begin the attachment. The object's mutex and the card's are held. */
static void attach(scardffi_manage *manage, struct card_handle *card, bool owned, uint32_t share_mode)
{
    platform_atomic_store(&manage->handle, card->value);
    platform_atomic_store(&manage->owned, owned);
    manage->share_mode = share_mode;
    manage->has_context = false;
    manage->was_exclusive = false;
    platform_atomic_store(&manage->locks, 0);
    platform_atomic_store(&manage->generation, platform_atomic_load(&card->generation));
    manage->attachment++;
    platform_atomic_store(&manage->card, card);
}

/* Validate the handle and attach. The object's mutex is held. This waits for the handle's mutex, because another object
 * may be using the handle, or closing it. */
static uint32_t probe_and_attach(scardffi_manage *manage, SCARDHANDLE handle, bool owned, uint32_t share_mode,
                                 uint32_t *code)
{
    struct card_handle *card = card_handle_acquire(manage->library, handle);
    if (card == NULL)
        return SCARDFFI_E_OUTOFMEMORY;
    platform_mutex_lock(&card->mutex);
    card->protocol = SCARD_PROTOCOL_UNDEFINED; /* its owner may have reconnected it; the first use asks for it */
    uint32_t probed = probe(manage->library, handle);
    if (probed == SCARD_F_INTERNAL_ERROR)
        probed = probe_with_context(manage->library, handle);
    uint32_t result = probe_result(probed);
    if (result == SCARDFFI_OK)
        attach(manage, card, owned, share_mode);
    else
        *code = probed;
    platform_mutex_unlock(&card->mutex);
    if (result != SCARDFFI_OK)
        card_handle_release(card);
    return result;
}

uint32_t manage_attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *code)
{
    uint64_t attachment;
    return manage_attach_by_handle_recorded(manage, handle, owned, share_mode, code, &attachment);
}

uint32_t manage_attach_by_handle_recorded(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                          uint32_t *code, uint64_t *attachment)
{
    if (manage == NULL || code == NULL)
        return SCARDFFI_E_POINTER;
    *code = SCARD_S_SUCCESS;
    *attachment = 0;
    if (share_mode > SCARD_SHARE_DIRECT)
        return SCARDFFI_E_INVALIDARG;
    if (manage_is_forked(manage) || manage_is_given_up(manage))
        return SCARDFFI_E_UNEXPECTED;
    uint32_t result = SCARDFFI_E_UNEXPECTED;
    platform_mutex_lock(&manage->mutex);
    if (make_free(manage))
        result = probe_and_attach(manage, handle, owned != 0, share_mode, code);
    if (result == SCARDFFI_OK)
        *attachment = manage->attachment;
    platform_mutex_unlock(&manage->mutex);
    return result;
}

/* Connect on `context`, which the attachment keeps. The object's mutex is held. */
static uint32_t connect_and_attach(scardffi_manage *manage, SCARDCONTEXT context, const char *reader,
                                   uint32_t share_mode, uint32_t protocols)
{
    SCARDHANDLE handle;
    DWORD protocol = SCARD_PROTOCOL_UNDEFINED;
    uint32_t result =
        manage_hresult(pcsc_SCardConnect(manage->library, context, reader, share_mode, protocols, &handle, &protocol));
    if (result != SCARDFFI_OK)
        return result;
    struct card_handle *card = card_handle_acquire(manage->library, handle);
    if (card == NULL) {
        pcsc_SCardDisconnect(manage->library, handle, SCARD_LEAVE_CARD);
        return SCARDFFI_E_OUTOFMEMORY;
    }
    card_handle_renew(card); /* other objects may be attached to an earlier connection with the same number */
    platform_mutex_lock(&card->mutex);
    card_handle_end_turn(card); /* it can only be a turn on that earlier connection */
    card->protocol = protocol;
    attach(manage, card, true, share_mode);
    manage->context = context;
    manage->has_context = true;
    platform_mutex_unlock(&card->mutex);
    return SCARDFFI_OK;
}

/* Establish the attachment's context and connect. The object's mutex is held. */
static uint32_t establish_and_attach(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                                     uint32_t protocols)
{
    SCARDCONTEXT context;
    uint32_t result = manage_hresult(pcsc_SCardEstablishContext(manage->library, scope, NULL, NULL, &context));
    if (result != SCARDFFI_OK)
        return result;
    result = connect_and_attach(manage, context, reader, share_mode, protocols);
    if (result != SCARDFFI_OK)
        pcsc_SCardReleaseContext(manage->library, context);
    return result;
}

uint32_t manage_attach_by_ifd(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols)
{
    uint64_t attachment;
    return manage_attach_by_ifd_recorded(manage, scope, reader, share_mode, protocols, &attachment);
}

uint32_t manage_attach_by_ifd_recorded(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                                       uint32_t protocols, uint64_t *attachment)
{
    *attachment = 0;
    if (manage == NULL || reader == NULL)
        return SCARDFFI_E_POINTER;
    if (share_mode < SCARD_SHARE_EXCLUSIVE || share_mode > SCARD_SHARE_DIRECT)
        return SCARDFFI_E_INVALIDARG;
    if (manage_is_forked(manage) || manage_is_given_up(manage))
        return SCARDFFI_E_UNEXPECTED;
    uint32_t result = SCARDFFI_E_UNEXPECTED;
    platform_mutex_lock(&manage->mutex);
    if (make_free(manage))
        result = establish_and_attach(manage, scope, reader, share_mode, protocols);
    if (result == SCARDFFI_OK)
        *attachment = manage->attachment;
    platform_mutex_unlock(&manage->mutex);
    return result;
}

uint32_t manage_detach(scardffi_manage *manage, uint32_t disposition)
{
    if (manage == NULL)
        return SCARDFFI_E_POINTER;
    if (disposition > SCARD_EJECT_CARD)
        return SCARDFFI_E_INVALIDARG;
    if (manage_is_forked(manage) || manage_is_given_up(manage))
        return SCARDFFI_E_UNEXPECTED;
    uint32_t result = SCARDFFI_E_UNEXPECTED;
    platform_mutex_lock(&manage->mutex);
    if (manage->card != NULL)
        result = detach(manage, disposition);
    platform_mutex_unlock(&manage->mutex);
    return result;
}

void manage_give_up(scardffi_manage *manage)
{
    platform_atomic_store(&manage->given_up, 1);
}

void manage_end_given_up(scardffi_manage *manage)
{
    if (manage_is_forked(manage))
        return;
    platform_mutex_lock(&manage->mutex);
    if (manage->card != NULL && manage_is_given_up(manage))
        detach(manage, SCARD_LEAVE_CARD);
    platform_atomic_store(&manage->given_up, 0);
    platform_mutex_unlock(&manage->mutex);
}

void manage_undo_attach(scardffi_manage *manage, uint64_t attachment)
{
    if (attachment == 0 || manage_is_forked(manage) || manage_is_given_up(manage))
        return;
    platform_mutex_lock(&manage->mutex);
    if (manage->attachment == attachment && manage->card != NULL) {
        if (!manage->has_context)
            platform_atomic_store(&manage->owned, 0); /* the handle still belongs to the caller */
        detach(manage, SCARD_LEAVE_CARD);
    }
    platform_mutex_unlock(&manage->mutex);
}

/* pcscd leaves the reader locked after an exclusive connection was reconnected as shared, as if a transaction were
 * held; one SCardEndTransaction unlocks it (measured on 1.9.9 and 2.5.3). A resource manager without this fault answers
 * that there is no transaction. This is done only for an owned handle, because the owner of a borrowed handle may hold
 * a transaction on it, and only while no transaction that was begun here is open. */
static void unlock_after_exclusive(scardffi_manage *manage, struct card_handle *card)
{
    if (manage->was_exclusive && manage->locks == 0) {
        manage->was_exclusive = false;
        pcsc_SCardEndTransaction(card->library, card->value, SCARD_LEAVE_CARD);
    }
}

uint32_t manage_reconnect(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols, uint32_t initialization)
{
    if (share_mode > SCARD_SHARE_DIRECT || initialization > SCARD_UNPOWER_CARD)
        return SCARDFFI_E_INVALIDARG;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    if (share_mode == 0)
        share_mode = manage->share_mode;
    if (share_mode == 0)
        return manage_leave(card, SCARDFFI_E_INVALIDARG);
    DWORD protocol = SCARD_PROTOCOL_UNDEFINED;
    uint32_t code = pcsc_SCardReconnect(card->library, card->value, share_mode, protocols, initialization, &protocol);
    if (code == SCARD_S_SUCCESS) {
        card->protocol = protocol;
        manage->was_exclusive = manage->owned && share_mode != SCARD_SHARE_EXCLUSIVE &&
                                (manage->was_exclusive || manage->share_mode == SCARD_SHARE_EXCLUSIVE);
        manage->share_mode = share_mode;
        unlock_after_exclusive(manage, card);
    }
    return manage_leave(card, code);
}

uint32_t manage_lock(scardffi_manage *manage)
{
    uint64_t attachment;
    return manage_lock_recorded(manage, &attachment);
}

uint32_t manage_lock_recorded(scardffi_manage *manage, uint64_t *attachment)
{
    *attachment = 0;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    uint32_t code = pcsc_SCardBeginTransaction(card->library, card->value);
    if (code == SCARD_S_SUCCESS) {
        platform_atomic_store(&manage->locks, manage->locks + 1);
        *attachment = manage->attachment;
    }
    return manage_leave(card, code);
}

void manage_undo_lock(scardffi_manage *manage, uint64_t attachment)
{
    struct card_handle *card = attachment != 0 ? manage_enter(manage) : NULL;
    if (card == NULL)
        return;
    if (manage->attachment == attachment && manage->locks > 0) {
        uint32_t code = pcsc_SCardEndTransaction(card->library, card->value, SCARD_LEAVE_CARD);
        if (code != SCARD_W_RESET_CARD)
            platform_atomic_store(&manage->locks, manage->locks - 1);
    }
    manage_leave(card, SCARD_S_SUCCESS);
}

/* End a transaction. If `attachment` is neither 0 nor the number of the present attachment, the transaction has ended
 * with its own attachment. */
static uint32_t unlock(scardffi_manage *manage, uint64_t attachment, uint32_t disposition)
{
    if (disposition > SCARD_EJECT_CARD)
        return SCARDFFI_E_INVALIDARG;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    if (attachment != 0 && attachment != manage->attachment)
        return manage_leave(card, SCARD_S_SUCCESS);
    uint32_t code = pcsc_SCardEndTransaction(card->library, card->value, disposition);
    if (manage->locks > 0 && code != SCARD_W_RESET_CARD) /* after a reset the transaction is still held */
        platform_atomic_store(&manage->locks, manage->locks - 1);
    unlock_after_exclusive(manage, card);
    return manage_leave(card, code);
}

uint32_t manage_unlock(scardffi_manage *manage, uint32_t disposition)
{
    return unlock(manage, 0, disposition);
}

uint32_t manage_probe(scardffi_manage *manage)
{
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    uint32_t code = probe(card->library, card->value);
    return manage_leave(card, code == SCARD_E_SHARING_VIOLATION ? code : SCARD_S_SUCCESS);
}

/* SCardStatus for the active protocol. The handle is locked. */
static uint32_t ask_for_protocol(struct card_handle *card, DWORD *protocol)
{
    DWORD state;
    char reader[MAX_READERNAME];
    unsigned char atr[PCSC_ATR_BUFFER];
    DWORD reader_length = sizeof reader, atr_length = sizeof atr;
    uint32_t code =
        pcsc_SCardStatus(card->library, card->value, reader, &reader_length, &state, protocol, atr, &atr_length);
    if (code == SCARD_E_INSUFFICIENT_BUFFER) /* the name is too long; the protocol is set nevertheless */
        code = SCARD_S_SUCCESS;
    return code;
}

uint32_t manage_learn_protocol(struct card_handle *card)
{
    if (card->protocol != SCARD_PROTOCOL_UNDEFINED)
        return SCARD_S_SUCCESS;
    DWORD protocol = SCARD_PROTOCOL_UNDEFINED;
    uint32_t code = ask_for_protocol(card, &protocol);
    if (code == SCARD_S_SUCCESS)
        card->protocol = protocol;
    return code;
}

/* Convert the platform's state of a card to the bits of pcsc-lite. */
static uint32_t card_state(DWORD state)
{
    static const uint32_t bits[] = {
        SCARD_UNKNOWN,
        SCARD_ABSENT,
        SCARD_PRESENT,
        SCARD_PRESENT | SCARD_SWALLOWED,
        SCARD_PRESENT | SCARD_POWERED,
        SCARD_PRESENT | SCARD_POWERED | SCARD_NEGOTIABLE,
        SCARD_PRESENT | SCARD_POWERED | SCARD_SPECIFIC,
    };
    if (PCSC_NUMBERS_CARD_STATES && state < sizeof bits / sizeof bits[0])
        return bits[state];
    return (uint32_t)state & 0xFFFFu; /* the upper bits are an event counter */
}

uint32_t manage_status(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length)
{
    if (state == NULL || protocol == NULL || (reader != NULL && reader_length == NULL) ||
        (atr != NULL && atr_length == NULL))
        return SCARDFFI_E_POINTER;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    DWORD native_state = 0, native_protocol = 0;
    DWORD native_reader_length = reader != NULL ? *reader_length : 0;
    DWORD native_atr_length = atr != NULL ? *atr_length : 0;
    uint32_t code = pcsc_SCardStatus(card->library, card->value, reader, &native_reader_length, &native_state,
                                     &native_protocol, atr, &native_atr_length);
    if (code == SCARD_S_SUCCESS)
        card->protocol = native_protocol;
    if (code == SCARD_S_SUCCESS &&
        ((reader != NULL && native_reader_length > *reader_length) || (atr != NULL && native_atr_length > *atr_length)))
        code = PCSC_IMPOSSIBLE_ANSWER;
    *state = card_state(native_state);
    *protocol = (uint32_t)native_protocol;
    if (reader_length != NULL)
        *reader_length = pcsc_claimed_length(native_reader_length);
    if (atr_length != NULL)
        *atr_length = pcsc_claimed_length(native_atr_length);
    return manage_leave(card, code);
}

uint32_t manage_packed_status(scardffi_manage *manage, char *memory, size_t size)
{
    struct pcsc_card_status status = {.needed = (uint32_t)(size - sizeof status)};
    uint32_t atr_length = sizeof status.atr;
    uint32_t code = manage_status(manage, &status.state, &status.protocol, memory + sizeof status, &status.needed,
                                  status.atr, &atr_length);
    return pcsc_write_status(code, &status, atr_length, memory, size);
}

uint32_t manage_control(scardffi_manage *manage, uint32_t control_code, const unsigned char *command,
                        size_t command_length, unsigned char *response, size_t capacity, uint32_t *received)
{
    if (received == NULL || (command == NULL && command_length > 0) || (response == NULL && capacity > 0))
        return SCARDFFI_E_POINTER;
    if (command_length > MAX_BUFFER_SIZE_EXTENDED || capacity > MAX_BUFFER_SIZE_EXTENDED)
        return SCARDFFI_E_INVALIDARG;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    DWORD length = 0;
    uint32_t code = pcsc_SCardControl(card->library, card->value, control_code, command, (DWORD)command_length,
                                      response, (DWORD)capacity, &length);
    if (code == SCARD_S_SUCCESS && length > capacity)
        code = PCSC_IMPOSSIBLE_ANSWER;
    *received = pcsc_claimed_length(length);
    return manage_leave(card, code);
}

uint32_t manage_get_attribute(scardffi_manage *manage, uint32_t attribute, unsigned char *value, uint32_t *length)
{
    if (value == NULL || length == NULL)
        return SCARDFFI_E_POINTER;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    DWORD native_length = *length;
    uint32_t code = pcsc_SCardGetAttrib(card->library, card->value, attribute, value, &native_length);
    if (code == SCARD_S_SUCCESS && native_length > *length)
        code = PCSC_IMPOSSIBLE_ANSWER;
    *length = pcsc_claimed_length(native_length);
    return manage_leave(card, code);
}

uint32_t manage_set_attribute(scardffi_manage *manage, uint32_t attribute, const unsigned char *value, size_t length)
{
    if (value == NULL)
        return SCARDFFI_E_POINTER;
    if (length > MAX_BUFFER_SIZE_EXTENDED)
        return SCARDFFI_E_INVALIDARG;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return SCARDFFI_E_UNEXPECTED;
    return manage_leave(card, pcsc_SCardSetAttrib(card->library, card->value, attribute, value, (DWORD)length));
}

int manage_handle(const scardffi_manage *manage, SCARDHANDLE *handle)
{
    if (manage_is_given_up(manage) || manage_is_forked(manage) || platform_atomic_load(&manage->card) == NULL ||
        manage_is_stale(manage))
        return 0;
    *handle = (SCARDHANDLE)platform_atomic_load(&manage->handle);
    return 1;
}

bool manage_is_owned(const scardffi_manage *manage)
{
    return platform_atomic_load(&manage->owned) != 0;
}

bool manage_needs_detach(const scardffi_manage *manage)
{
    if (manage_is_given_up(manage) || manage_is_forked(manage) || platform_atomic_load(&manage->card) == NULL)
        return false;
    if (manage_is_stale(manage))
        return manage->has_context;
    return manage_is_owned(manage) || platform_atomic_load(&manage->locks) != 0;
}

struct transaction {
    scardffi_manage *manage;
    uint64_t attachment; /* 0: it does not hold a transaction */
};

struct transaction *transaction_new(scardffi_manage *manage)
{
    struct transaction *created = calloc(1, sizeof *created);
    if (created == NULL)
        return NULL;
    platform_global_lock();
    manage->references++;
    platform_global_unlock();
    created->manage = manage;
    return created;
}

void transaction_cancel(struct transaction *transaction)
{
    manage_undo_lock(transaction->manage, transaction->attachment);
    transaction->attachment = 0;
}

void transaction_free(struct transaction *transaction)
{
    if (transaction == NULL)
        return;
    transaction_cancel(transaction);
    manage_free(transaction->manage);
    free(transaction);
}

uint32_t transaction_begin(struct transaction *transaction)
{
    return manage_lock_recorded(transaction->manage, &transaction->attachment);
}

uint32_t transaction_end(struct transaction *transaction)
{
    uint64_t attachment = transaction->attachment;
    transaction->attachment = 0;
    return unlock(transaction->manage, attachment, SCARD_LEAVE_CARD);
}

uint64_t transaction_attachment(const struct transaction *transaction)
{
    return transaction->attachment;
}

bool manage_keep_alive(scardffi_manage *manage, uint64_t attachment)
{
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return false;
    bool is_held = (attachment == 0 || manage->attachment == attachment) && manage->locks > 0;
    DWORD protocol;
    if (is_held)
        ask_for_protocol(card, &protocol); /* Windows counts any call; the owner's next call reports an error */
    manage_leave(card, SCARD_S_SUCCESS);
    return is_held;
}
