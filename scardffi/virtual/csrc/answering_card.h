/* The card that is always there; answering_card.c lists its commands. */
#ifndef SCARDFFI_VIRTUAL_ANSWERING_CARD_H
#define SCARDFFI_VIRTUAL_ANSWERING_CARD_H

#include "card.h"

/* With `atr` NULL the card has one of its own that offers T=0 and T=1. NULL: no memory, or the ATR is too long. */
struct card *new_answering_card(const unsigned char *atr, size_t atr_length);

#endif
