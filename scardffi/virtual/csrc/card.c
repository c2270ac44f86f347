/* The protocols that an ATR offers (ISO/IEC 7816-3, clause 8.2), and the code of a failed command. */
#include "card.h"

#include <stdlib.h>
#include <string.h>

enum { TA = 0x10, TD = 0x80, SPECIFIC_MODE = 2 };

/* Return the protocol in TA2 if there is one, otherwise the protocols in the TD bytes, or T=0 if there are none. Return
 * SCARD_PROTOCOL_UNDEFINED if the ATR is too short, does not start with TS, or names another protocol first. */
static DWORD protocols_of(const unsigned char *atr, size_t length)
{
    DWORD protocols = SCARD_PROTOCOL_UNDEFINED;
    if (length < 2 || (atr[0] != 0x3B && atr[0] != 0x3F))
        return SCARD_PROTOCOL_UNDEFINED;

    unsigned indicator = atr[1];
    size_t at = 2;
    for (unsigned group = 1; indicator & 0xF0; group++) {
        size_t bytes = 0;
        for (unsigned byte = TA; byte <= TD; byte <<= 1)
            bytes += (indicator & byte) != 0;
        if (at + bytes > length)
            return SCARD_PROTOCOL_UNDEFINED;
        if (group == SPECIFIC_MODE && (indicator & TA))
            return (atr[at] & 0x0F) == 0   ? SCARD_PROTOCOL_T0
                   : (atr[at] & 0x0F) == 1 ? SCARD_PROTOCOL_T1
                                           : SCARD_PROTOCOL_UNDEFINED;
        at += bytes;
        if (!(indicator & TD))
            break;
        indicator = atr[at - 1];
        unsigned protocol = indicator & 0x0F;
        if (group == 1 && protocol > 1)
            return SCARD_PROTOCOL_UNDEFINED;
        if (protocol <= 1)
            protocols |= protocol == 0 ? SCARD_PROTOCOL_T0 : SCARD_PROTOCOL_T1;
    }
    return protocols != SCARD_PROTOCOL_UNDEFINED ? protocols : SCARD_PROTOCOL_T0;
}

LONG code_from_result(int64_t result)
{
    return result >= -(int64_t)UINT32_MAX ? (LONG)-result : (LONG)SCARD_F_COMM_ERROR;
}

bool card_set_atr(struct card *card, const unsigned char *atr, size_t length)
{
    if (length > sizeof card->atr)
        return false;
    if (length > 0)
        memcpy(card->atr, atr, length);
    card->atr_length = length;
    card->protocols = protocols_of(card->atr, length);
    return true;
}

void *card_new(size_t size, const unsigned char *atr, size_t atr_length)
{
    struct card *card = calloc(1, size);
    if (card != NULL && !card_set_atr(card, atr, atr_length)) {
        free(card);
        return NULL;
    }
    return card;
}
