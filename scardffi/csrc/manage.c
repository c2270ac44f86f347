/* The manage object in C. A call locks the handle's own mutex and nothing else; attach and detach hold the
 * object's mutex as well, always taken first. */
#include "manage.h"

#include <stdlib.h>
#include <string.h>

struct scardffi_manage {
    const scardffi_library *api;
    unsigned process;       /* platform_process() at the time it was made */
    platform_mutex mutex;   /* guards attach against detach */
    card_handle *card;      /* atomic; NULL while detached; changes under mutex and the card's mutex */
    SCARDHANDLE handle;     /* atomic, for those who only look; like owned */
    intptr_t owned;         /* detach disconnects */
    intptr_t locks;         /* transactions begun here and not ended; changes under the card's mutex */
    /* what follows belongs to the attachment and is guarded by the card's mutex */
    int has_context;
    SCARDCONTEXT context;   /* a native context of the attachment's own, where has_context */
    uint32_t share_mode;
};

uint32_t manage_hresult(uint32_t code)
{
    if (code == SCARD_S_SUCCESS || (code & 0x80000000u) != 0)
        return code;
    return 0x80070000u | (code & 0xFFFFu);
}

uint32_t manage_new(const scardffi_library *api, scardffi_manage **manage)
{
    scardffi_manage *object;

    if (api == NULL || manage == NULL)
        return HR_POINTER;
    object = calloc(1, sizeof *object);
    if (object == NULL)
        return HR_OUTOFMEMORY;
    platform_watch_forks();
    object->api = api;
    object->process = platform_process();
    platform_mutex_init(&object->mutex);
    *manage = object;
    return HR_OK;
}

int manage_is_forked(const scardffi_manage *manage)
{
    return manage->process != platform_process();
}

void manage_free(scardffi_manage *manage)
{
    if (manage == NULL)
        return;
    /* In a fork the handle belongs to the parent: leave it alone. */
    if (manage->card != NULL && !manage_is_forked(manage))
        card_handle_release(manage->card);
    free(manage);
}

card_handle *manage_enter(scardffi_manage *manage)
{
    card_handle *card;

    if (manage == NULL || manage_is_forked(manage))
        return NULL;
    while ((card = platform_atomic_load(&manage->card)) != NULL) {
        platform_mutex_lock(&card->mutex);
        if (platform_atomic_load(&manage->card) == card)
            return card;
        platform_mutex_unlock(&card->mutex); /* detached, and perhaps attached anew, while we waited */
    }
    return NULL;
}

uint32_t manage_leave(card_handle *card, uint32_t code)
{
    platform_mutex_unlock(&card->mutex);
    return manage_hresult(code);
}

/* Ask for a small attribute: answers at once, whoever holds the card. */
static uint32_t probe(const scardffi_library *api, SCARDHANDLE handle)
{
    unsigned char name[MAX_READERNAME];
    DWORD length = sizeof name;

    return pcsc_SCardGetAttrib(api, handle, SCARD_ATTR_DEVICE_FRIENDLY_NAME, name, &length);
}

/* The answers of probe() that prove a handle valid, as HR_OK. */
static uint32_t probe_verdict(uint32_t code)
{
    switch (code) {
    case SCARD_E_SHARING_VIOLATION:
    case SCARD_E_UNSUPPORTED_FEATURE:
    case SCARD_E_INSUFFICIENT_BUFFER:
    case SCARD_W_RESET_CARD: /* valid: its first use will say so again */
    case PCSC_WIN32_NOT_SUPPORTED:
        return HR_OK;
    case SCARD_E_INVALID_HANDLE:
    case PCSC_WIN32_INVALID_HANDLE:
        return HR_INVALIDARG;
    case SCARD_E_NO_MEMORY:
        return HR_OUTOFMEMORY;
    default:
        return manage_hresult(code);
    }
}

/* Some libraries load themselves inside the first SCardEstablishContext and know nothing before it. */
static uint32_t probe_after_context(const scardffi_library *api, SCARDHANDLE handle)
{
    SCARDCONTEXT context;
    uint32_t code = pcsc_SCardEstablishContext(api, SCARD_SCOPE_SYSTEM, NULL, NULL, &context);

    if (code != SCARD_S_SUCCESS)
        return code;
    code = probe(api, handle);
    pcsc_SCardReleaseContext(api, context);
    return code;
}

/* The attachment begins; the object's mutex and the card's are held. */
static void attach(scardffi_manage *manage, card_handle *card, int owned, uint32_t share_mode)
{
    platform_atomic_store(&manage->handle, card->value);
    platform_atomic_store(&manage->owned, owned);
    manage->share_mode = share_mode;
    manage->has_context = 0;
    platform_atomic_store(&manage->locks, 0);
    platform_atomic_store(&manage->card, card);
}

/* Validate the handle and attach; the object's mutex is held. The handle's turn is waited for: a call of
 * another object on it may be under way, perhaps the one that closes it. */
static uint32_t probe_and_attach(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *said)
{
    card_handle *card = card_handle_acquire(manage->api, handle);
    uint32_t code, result;

    if (card == NULL)
        return HR_OUTOFMEMORY;
    platform_mutex_lock(&card->mutex);
    card->protocol = SCARD_PROTOCOL_UNDEFINED; /* its owner may have reconnected it: asked for at the first use */
    code = probe(manage->api, handle);
    if (code == SCARD_F_INTERNAL_ERROR)
        code = probe_after_context(manage->api, handle);
    result = probe_verdict(code);
    if (result == HR_OK)
        attach(manage, card, owned, share_mode);
    else
        *said = code;
    platform_mutex_unlock(&card->mutex);
    if (result != HR_OK)
        card_handle_release(card);
    return result;
}

uint32_t manage_attach_by_handle(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *said)
{
    uint32_t result = HR_UNEXPECTED;

    if (manage == NULL || said == NULL)
        return HR_POINTER;
    *said = SCARD_S_SUCCESS;
    if (share_mode > SCARD_SHARE_DIRECT)
        return HR_INVALIDARG;
    if (manage_is_forked(manage))
        return HR_UNEXPECTED;
    platform_mutex_lock(&manage->mutex);
    if (manage->card == NULL)
        result = probe_and_attach(manage, handle, owned, share_mode, said);
    platform_mutex_unlock(&manage->mutex);
    return result;
}

/* Connect on `context`, which the attachment keeps; the object's mutex is held. */
static uint32_t connect_and_attach(scardffi_manage *manage, SCARDCONTEXT context, const char *reader,
                                   uint32_t share_mode, uint32_t protocols)
{
    SCARDHANDLE handle;
    DWORD protocol = SCARD_PROTOCOL_UNDEFINED;
    card_handle *card;
    uint32_t result;

    result = manage_hresult(
        pcsc_SCardConnect(manage->api, context, reader, share_mode, protocols, &handle, &protocol));
    if (result != HR_OK)
        return result;
    card = card_handle_acquire(manage->api, handle);
    if (card == NULL) {
        pcsc_SCardDisconnect(manage->api, handle, SCARD_LEAVE_CARD);
        return HR_OUTOFMEMORY;
    }
    platform_mutex_lock(&card->mutex);
    card->protocol = protocol;
    attach(manage, card, 1, share_mode);
    manage->context = context;
    manage->has_context = 1;
    platform_mutex_unlock(&card->mutex);
    return HR_OK;
}

uint32_t manage_attach_by_ifd(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols)
{
    SCARDCONTEXT context;
    uint32_t result = HR_UNEXPECTED;

    if (manage == NULL || reader == NULL)
        return HR_POINTER;
    if (share_mode < SCARD_SHARE_EXCLUSIVE || share_mode > SCARD_SHARE_DIRECT)
        return HR_INVALIDARG;
    if (manage_is_forked(manage))
        return HR_UNEXPECTED;
    platform_mutex_lock(&manage->mutex);
    if (manage->card == NULL) {
        result = manage_hresult(pcsc_SCardEstablishContext(manage->api, scope, NULL, NULL, &context));
        if (result == HR_OK) {
            result = connect_and_attach(manage, context, reader, share_mode, protocols);
            if (result != HR_OK)
                pcsc_SCardReleaseContext(manage->api, context);
        }
    }
    platform_mutex_unlock(&manage->mutex);
    return result;
}

/* End what was begun here; 0 where a transaction may still be held: a card that was reset refuses to end one. */
static int end_transactions(scardffi_manage *manage, card_handle *card)
{
    uint32_t code = SCARD_S_SUCCESS;

    for (; manage->locks > 0 && code == SCARD_S_SUCCESS; platform_atomic_store(&manage->locks, manage->locks - 1))
        code = pcsc_SCardEndTransaction(card->api, card->value, SCARD_LEAVE_CARD);
    return code == SCARD_S_SUCCESS;
}

/* Close the handle, or leave it to its owner; the card's mutex is held.
 *
 * Where the library allows it, a handle on a context of its own is closed with the context: libpcsclite's
 * SCardDisconnect walks the list of contexts without its lock, and crashes when another thread releases one
 * at that moment (seen on 1.9.9). The daemon resets a card whose transaction ends with the context, so those
 * are ended first. */
static uint32_t close_handle(scardffi_manage *manage, card_handle *card, uint32_t disposition)
{
    uint32_t code = SCARD_S_SUCCESS, release_code;
    int with_context = manage->has_context && PCSC_RELEASE_LEAVES_CARD && disposition == SCARD_LEAVE_CARD;

    if (!manage->owned)
        end_transactions(manage, card);
    else if (!with_context || !end_transactions(manage, card))
        code = pcsc_SCardDisconnect(card->api, card->value, disposition);
    if (manage->has_context) {
        release_code = pcsc_SCardReleaseContext(card->api, manage->context);
        if (code == SCARD_S_SUCCESS)
            code = release_code;
    }
    return code;
}

uint32_t manage_detach(scardffi_manage *manage, uint32_t disposition)
{
    card_handle *card;
    uint32_t result = HR_UNEXPECTED;

    if (manage == NULL)
        return HR_POINTER;
    if (disposition > SCARD_EJECT_CARD)
        return HR_INVALIDARG;
    if (manage_is_forked(manage))
        return HR_UNEXPECTED;
    platform_mutex_lock(&manage->mutex);
    card = manage_enter(manage);
    if (card != NULL) {
        result = manage_hresult(close_handle(manage, card, disposition));
        platform_atomic_store(&manage->card, NULL);
        platform_mutex_unlock(&card->mutex);
        card_handle_release(card);
    }
    platform_mutex_unlock(&manage->mutex);
    return result;
}

uint32_t manage_reconnect(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols,
                          uint32_t initialization)
{
    DWORD protocol = SCARD_PROTOCOL_UNDEFINED;
    card_handle *card;
    uint32_t code;

    if (share_mode > SCARD_SHARE_DIRECT || initialization > SCARD_UNPOWER_CARD)
        return HR_INVALIDARG;
    card = manage_enter(manage);
    if (card == NULL)
        return HR_UNEXPECTED;
    if (share_mode == 0)
        share_mode = manage->share_mode;
    if (share_mode == 0)
        return manage_leave(card, HR_INVALIDARG);
    code = pcsc_SCardReconnect(card->api, card->value, share_mode, protocols, initialization, &protocol);
    if (code == SCARD_S_SUCCESS) {
        card->protocol = protocol;
        manage->share_mode = share_mode;
    }
    return manage_leave(card, code);
}

uint32_t manage_lock(scardffi_manage *manage)
{
    card_handle *card = manage_enter(manage);
    uint32_t code;

    if (card == NULL)
        return HR_UNEXPECTED;
    code = pcsc_SCardBeginTransaction(card->api, card->value);
    if (code == SCARD_S_SUCCESS)
        platform_atomic_store(&manage->locks, manage->locks + 1);
    return manage_leave(card, code);
}

uint32_t manage_unlock(scardffi_manage *manage, uint32_t disposition)
{
    card_handle *card;
    uint32_t code;

    if (disposition > SCARD_EJECT_CARD)
        return HR_INVALIDARG;
    card = manage_enter(manage);
    if (card == NULL)
        return HR_UNEXPECTED;
    code = pcsc_SCardEndTransaction(card->api, card->value, disposition);
    if (manage->locks > 0 && code != SCARD_W_RESET_CARD) /* after a reset it is held until it can be ended */
        platform_atomic_store(&manage->locks, manage->locks - 1);
    return manage_leave(card, code);
}

uint32_t manage_probe(scardffi_manage *manage)
{
    card_handle *card = manage_enter(manage);
    uint32_t code;

    if (card == NULL)
        return HR_UNEXPECTED;
    code = probe(card->api, card->value);
    if (code != SCARD_E_SHARING_VIOLATION)
        code = HR_OK;
    return manage_leave(card, code);
}

uint32_t manage_learn_protocol(card_handle *card)
{
    DWORD state, protocol = SCARD_PROTOCOL_UNDEFINED;
    char reader[MAX_READERNAME];
    unsigned char atr[PCSC_STATE_ATR];
    DWORD reader_length = sizeof reader, atr_length = sizeof atr;
    uint32_t code;

    if (card->protocol != SCARD_PROTOCOL_UNDEFINED)
        return SCARD_S_SUCCESS;
    code = pcsc_SCardStatus(card->api, card->value, reader, &reader_length, &state, &protocol, atr, &atr_length);
    if (code == SCARD_E_INSUFFICIENT_BUFFER) /* a long name: the protocol is there all the same */
        code = SCARD_S_SUCCESS;
    if (code == SCARD_S_SUCCESS)
        card->protocol = protocol;
    return code;
}

/* A state as the bits of pcsc-lite, whatever the platform answers. */
static uint32_t card_state(DWORD said)
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

    if (PCSC_NUMBERS_CARD_STATES && said < sizeof bits / sizeof bits[0])
        return bits[said];
    return (uint32_t)said & 0xFFFFu; /* above: an event counter */
}

uint32_t manage_status(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length)
{
    DWORD native_state = 0, native_protocol = 0;
    DWORD name_length = reader != NULL && reader_length != NULL ? *reader_length : 0;
    DWORD answer_length = atr != NULL && atr_length != NULL ? *atr_length : 0;
    card_handle *card;
    uint32_t code;

    if (state == NULL || protocol == NULL || (reader != NULL && reader_length == NULL) ||
        (atr != NULL && atr_length == NULL))
        return HR_POINTER;
    card = manage_enter(manage);
    if (card == NULL)
        return HR_UNEXPECTED;
    code = pcsc_SCardStatus(card->api, card->value, reader, &name_length, &native_state, &native_protocol, atr,
                            &answer_length);
    if (code == SCARD_S_SUCCESS)
        card->protocol = native_protocol;
    *state = card_state(native_state);
    *protocol = (uint32_t)native_protocol;
    if (reader_length != NULL)
        *reader_length = (uint32_t)name_length;
    if (atr_length != NULL)
        *atr_length = (uint32_t)answer_length;
    return manage_leave(card, code);
}

uint32_t manage_control(scardffi_manage *manage, uint32_t control_code, const unsigned char *command,
                        size_t command_length, unsigned char *response, size_t capacity, uint32_t *received)
{
    DWORD length = 0;
    card_handle *card;
    uint32_t code;

    if (received == NULL || (command == NULL && command_length > 0) || (response == NULL && capacity > 0))
        return HR_POINTER;
    if (command_length > MAX_BUFFER_SIZE_EXTENDED || capacity > MAX_BUFFER_SIZE_EXTENDED)
        return HR_INVALIDARG;
    card = manage_enter(manage);
    if (card == NULL)
        return HR_UNEXPECTED;
    code = pcsc_SCardControl(card->api, card->value, control_code, command, (DWORD)command_length, response,
                             (DWORD)capacity, &length);
    if (code == SCARD_S_SUCCESS && length > capacity)
        code = SCARD_F_INTERNAL_ERROR; /* the library claims to have written more than it may */
    *received = (uint32_t)length;
    return manage_leave(card, code);
}

uint32_t manage_get_attribute(scardffi_manage *manage, uint32_t attribute, unsigned char *value,
                              uint32_t *length)
{
    DWORD native_length;
    card_handle *card;
    uint32_t code;

    if (value == NULL || length == NULL)
        return HR_POINTER;
    card = manage_enter(manage);
    if (card == NULL)
        return HR_UNEXPECTED;
    native_length = *length;
    code = pcsc_SCardGetAttrib(card->api, card->value, attribute, value, &native_length);
    if (code == SCARD_S_SUCCESS && native_length > *length)
        code = SCARD_F_INTERNAL_ERROR;
    *length = (uint32_t)native_length;
    return manage_leave(card, code);
}

uint32_t manage_set_attribute(scardffi_manage *manage, uint32_t attribute, const unsigned char *value,
                              size_t length)
{
    card_handle *card;

    if (value == NULL)
        return HR_POINTER;
    if (length > MAX_BUFFER_SIZE_EXTENDED)
        return HR_INVALIDARG;
    card = manage_enter(manage);
    if (card == NULL)
        return HR_UNEXPECTED;
    return manage_leave(card, pcsc_SCardSetAttrib(card->api, card->value, attribute, value, (DWORD)length));
}

int manage_handle(const scardffi_manage *manage, SCARDHANDLE *handle)
{
    if (platform_atomic_load(&manage->card) == NULL || manage_is_forked(manage))
        return 0;
    *handle = (SCARDHANDLE)platform_atomic_load(&manage->handle);
    return 1;
}

int manage_is_owned(const scardffi_manage *manage)
{
    return platform_atomic_load(&manage->owned) != 0;
}

int manage_needs_detach(const scardffi_manage *manage)
{
    return manage_is_owned(manage) || platform_atomic_load(&manage->locks) != 0;
}
