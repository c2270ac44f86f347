/* The card that a virtual reader holds by default; answering_card.c lists its commands. */
#ifndef SCARDFFI_VIRTUAL_ANSWERING_CARD_H
#define SCARDFFI_VIRTUAL_ANSWERING_CARD_H

#include "card.h"

/* If `atr` is NULL the card has its own ATR, which offers T=0 and T=1. Returns NULL if memory runs out or the ATR is
 * too long. */
struct card *answering_card_new(const unsigned char *atr, size_t atr_length);

#endif
