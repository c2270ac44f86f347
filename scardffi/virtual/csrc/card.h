/* What a reader knows of the card in it. */
#ifndef SCARDFFI_VIRTUAL_CARD_H
#define SCARDFFI_VIRTUAL_CARD_H

#include <stddef.h>

#include "pcsc_abi.h"

struct card {
    unsigned char atr[MAX_ATR_SIZE];
    size_t atr_length;
    DWORD protocols; /* what the ATR offers: SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 */

    /* Run a command of any length and content; answer the length of the whole response, two bytes at
     * least. The response is written only where it fits into `room`; the command has run all the same.
     * Command and answer may be the same memory. Called without the world's mutex, but never twice at
     * a time for one card. */
    size_t (*transmit)(struct card *card, const unsigned char *command, size_t length,
                       unsigned char *answer, size_t room);
};

#endif
