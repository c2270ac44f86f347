/* Pass commands and resets to the card's callbacks. */
#include "callback_card.h"

#include <stdlib.h>

#include "card_access.h"

struct callback_card {
    struct card card; /* the first member, so that a pointer to it points to the whole struct */
    struct scardvirtual_card callbacks;
};

static int64_t transmit(struct card *card, const unsigned char *command, size_t length, unsigned char *response,
                        size_t room)
{
    const struct scardvirtual_card *callbacks = &((struct callback_card *)card)->callbacks;
    int64_t result = -(int64_t)SCARD_F_COMM_ERROR;
    callbacks->transmit(callbacks->data, command, length, response, room, &result);
    if (result == -(int64_t)SCARD_E_NO_SMARTCARD || result == -(int64_t)SCARD_W_REMOVED_CARD)
        card_remove_itself(card);
    return result;
}

static void reset(struct card *card)
{
    const struct scardvirtual_card *callbacks = &((struct callback_card *)card)->callbacks;
    if (callbacks->reset != NULL)
        callbacks->reset(callbacks->data);
}

static void release(struct card *card)
{
    const struct scardvirtual_card *callbacks = &((struct callback_card *)card)->callbacks;
    if (callbacks->released != NULL)
        callbacks->released(callbacks->data);
    free(card);
}

struct card *callback_card_new(const unsigned char *atr, size_t atr_length, const struct scardvirtual_card *callbacks)
{
    struct callback_card *self = card_new(sizeof *self, atr, atr_length);
    if (self == NULL)
        return NULL;
    self->card.transmit = transmit;
    self->card.reset = reset;
    self->card.release = release;
    self->callbacks = *callbacks;
    return &self->card;
}
