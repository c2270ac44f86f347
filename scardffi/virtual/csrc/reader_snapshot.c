/* The state of a reader and its card as SCardStatus reports it. */
#include "reader_snapshot.h"

#include <string.h>

static DWORD windows_card_state(const struct reader *reader)
{
    if (reader->card == NULL)
        return PCSC_CARD_IS_ABSENT;
    if (!reader->is_powered)
        return PCSC_CARD_IS_PRESENT;
    return reader->protocol == SCARD_PROTOCOL_UNDEFINED ? PCSC_CARD_IS_NEGOTIABLE : PCSC_CARD_IS_SPECIFIC;
}

/* Like pcsc-lite, this never returns SCARD_SPECIFIC. */
static DWORD pcsclite_card_state(const struct reader *reader)
{
    DWORD state = SCARD_PRESENT;
    if (reader->card == NULL)
        state = SCARD_ABSENT;
    else if (reader->card->atr_length == 0)
        state |= SCARD_SWALLOWED;
    else if (reader->is_powered)
        state |= SCARD_POWERED | SCARD_NEGOTIABLE;
    return state | reader_event_counter(reader) << 16;
}

static DWORD card_state(const struct reader *reader)
{
    return PCSC_NUMBERS_CARD_STATES ? windows_card_state(reader) : pcsclite_card_state(reader);
}

void reader_take_snapshot(const struct reader *reader, struct reader_snapshot *snapshot)
{
    *snapshot = (struct reader_snapshot){
        .state = card_state(reader),
        .protocol = reader->protocol,
        .has_card = reader->card != NULL,
        .ifs_request_length = reader->ifs_request_length,
    };
    memcpy(snapshot->name, reader->name, sizeof reader->name);
    memcpy(snapshot->ifs_request, reader->ifs_request, sizeof snapshot->ifs_request);
    if (reader->card == NULL)
        return;
    snapshot->atr_length = (DWORD)reader->card->atr_length;
    memcpy(snapshot->atr, reader->card->atr, sizeof snapshot->atr);
}
