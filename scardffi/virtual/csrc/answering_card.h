/* The card that is always there: SELECT of the MF, GET CHALLENGE, READ BINARY. */
#ifndef SCARDFFI_VIRTUAL_ANSWERING_CARD_H
#define SCARDFFI_VIRTUAL_ANSWERING_CARD_H

#include "card.h"
#include "random_numbers.h"

struct answering_card {
    struct card card; /* the first member: a pointer to it is a pointer to the whole */
    struct random_numbers random;
};

/* Not thread-safe: fills the file that all these cards share. */
void answering_card_start(struct answering_card *self);

#endif
