/* A card that is somebody's function, in the same process. */
#ifndef SCARDFFI_VIRTUAL_CALLBACK_CARD_H
#define SCARDFFI_VIRTUAL_CALLBACK_CARD_H

#include "card.h"
#include "scardvirtual.h"

/* NULL: no memory, or the ATR is too long. */
struct card *new_callback_card(const unsigned char *atr, size_t atr_length,
                               const struct scardvirtual_card *functions);

#endif
