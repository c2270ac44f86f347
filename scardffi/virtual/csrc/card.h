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
    DWORD protocols;       /* bits of SCARD_PROTOCOL_T0 and SCARD_PROTOCOL_T1 that the ATR offers */
    struct reader *reader; /* the reader that the card was inserted into */
    bool leaves;           /* when the running command has ended, the card is removed */

    /* These two are called without the mutex, one at a time for each card. */

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

/* Return the PC/SC code in a negative result of a card or a control callback. */
LONG code_from_result(int64_t result);

/* Allocate a struct of `size` bytes that begins with a card with this ATR. Its other bytes are 0. Returns NULL if
 * memory runs out or the ATR is too long. */
void *card_new(size_t size, const unsigned char *atr, size_t atr_length);

/* Set the ATR and the protocols. Returns false if the ATR is too long. */
bool card_set_atr(struct card *card, const unsigned char *atr, size_t length);

#endif
