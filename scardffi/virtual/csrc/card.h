/* A card as its reader sees it. The kinds of cards (answering_card.c, callback_card.c, vpcd.c) set the functions. */
#ifndef SCARDFFI_VIRTUAL_CARD_H
#define SCARDFFI_VIRTUAL_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcsc_abi.h"

struct card {
    unsigned char atr[MAX_ATR_SIZE];
    size_t atr_length;     /* 0: the card is mute */
    DWORD protocols;       /* that the ATR offers: SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 */
    struct reader *reader; /* that it was inserted into */

    /* These two are called without the mutex, and never two at a time for one card. */

    /* Run a command, which may be any bytes. Returns the length of the whole response, or minus a PC/SC code. Writes
     * the response only if it fits into `room`; the command has run in either case. `command` and `response` may be the
     * same memory. */
    int64_t (*transmit)(struct card *card, const unsigned char *command, size_t length, unsigned char *response,
                        size_t room);
    void (*reset)(struct card *card); /* reset or power down: the card loses its volatile state */

    /* These two may be called with the mutex held, and return at once. */

    void (*removed)(struct card *card); /* the card is removed, perhaps during a command; may be NULL */
    void (*release)(struct card *card); /* free the card: the last call, when no command runs */
};

/* The PC/SC code of a negative result of a card or a control callback. */
LONG code_from_result(int64_t result);

/* Allocate `size` bytes, of which the first are the card with this ATR, and the others 0. Returns NULL if memory runs
 * out or the ATR is too long. */
void *card_new(size_t size, const unsigned char *atr, size_t atr_length);

/* Set the ATR and the protocols. Returns false if the ATR is too long. */
bool card_set_atr(struct card *card, const unsigned char *atr, size_t length);

#endif
