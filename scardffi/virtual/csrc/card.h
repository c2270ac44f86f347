/* A card as its reader knows it; what kind of card it is stands behind the functions. */
#ifndef SCARDFFI_VIRTUAL_CARD_H
#define SCARDFFI_VIRTUAL_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcsc_abi.h"

struct card {
    unsigned char atr[MAX_ATR_SIZE];
    size_t atr_length; /* 0: the card is mute */
    DWORD protocols;   /* what the ATR offers: SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 */
    struct reader *reader; /* that it was inserted into */

    /* Run a command of any length and content; answer the length of the whole response, or minus a code
     * of the resource manager. The response is written only where it fits into `room`; the command has
     * run all the same. Command and answer may be the same memory. */
    int64_t (*transmit)(struct card *card, const unsigned char *command, size_t length,
                        unsigned char *answer, size_t room);
    void (*reset)(struct card *card); /* or switched off: what it remembers is lost */
    /* Both are called without the world's mutex, and never two at a time for one card. */

    /* The card is taken out, perhaps in the middle of a command; not NULL where it wants to hear that. */
    void (*removed)(struct card *card);
    void (*release)(struct card *card); /* free it: the last call, no command runs */
    /* Both return at once: the world's mutex may be held. */
};

/* The code that a card or a control function has answered minus of. */
LONG code_of_failure(int64_t result);

/* Sets ATR and protocols; false where it is too long. */
bool card_set_atr(struct card *card, const unsigned char *atr, size_t length);

#endif
