/* Commands and resets handed to the functions of whoever made the card. */
#include "callback_card.h"

#include <stdlib.h>

struct callback_card {
    struct card card; /* the first member: a pointer to it is a pointer to the whole */
    struct scardvirtual_card functions;
};

static int64_t transmit(struct card *card, const unsigned char *command, size_t length, unsigned char *answer,
                        size_t room)
{
    const struct scardvirtual_card *functions = &((struct callback_card *)card)->functions;
    int64_t result = -(int64_t)SCARD_F_COMM_ERROR;
    functions->transmit(functions->data, command, length, answer, room, &result);
    return result;
}

static void reset(struct card *card)
{
    const struct scardvirtual_card *functions = &((struct callback_card *)card)->functions;
    if (functions->reset != NULL)
        functions->reset(functions->data);
}

static void release(struct card *card)
{
    const struct scardvirtual_card *functions = &((struct callback_card *)card)->functions;
    if (functions->released != NULL)
        functions->released(functions->data);
    free(card);
}

struct card *new_callback_card(const unsigned char *atr, size_t atr_length,
                               const struct scardvirtual_card *functions)
{
    struct callback_card *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    if (!card_set_atr(&self->card, atr, atr_length)) {
        free(self);
        return NULL;
    }
    self->card.transmit = transmit;
    self->card.reset = reset;
    self->card.release = release;
    self->functions = *functions;
    return &self->card;
}
