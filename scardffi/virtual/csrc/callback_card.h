/* A card that consists of callbacks of the program. */
#ifndef SCARDFFI_VIRTUAL_CALLBACK_CARD_H
#define SCARDFFI_VIRTUAL_CALLBACK_CARD_H

#include "card.h"
#include "scardvirtual.h"

/* Returns NULL if memory runs out or the ATR is too long. */
struct card *callback_card_new(const unsigned char *atr, size_t atr_length, const struct scardvirtual_card *callbacks);

#endif
