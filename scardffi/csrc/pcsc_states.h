/* The functions that take an array of SCARD_READERSTATE, for callers that have no such struct.
 *
 * `readers` has the names of `count` readers one after another, each with a NUL at its end. `current` has the current
 * state of each. `results` becomes a pcsc_state_result for each.
 */
#ifndef SCARDFFI_PCSC_STATES_H
#define SCARDFFI_PCSC_STATES_H

#include "pcsc_api.h"

/* [declarations] that Python sees */

#define PCSC_STATE_ATR 36

uint32_t pcsc_get_status_change(const scardffi_library *library, SCARDCONTEXT context, uint32_t timeout, size_t count,
                                const char *readers, const uint32_t *current, void *results);
/* `cards` is a multi-string of card names. */
uint32_t pcsc_locate_cards(const scardffi_library *library, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *readers, const uint32_t *current, void *results);
/* For each length in `mask_lengths`, `masks` has PCSC_STATE_ATR bytes of an ATR and then as many bytes of a mask. */
uint32_t pcsc_locate_cards_by_atr(const scardffi_library *library, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *readers, const uint32_t *current, void *results);

/* [end] */

struct pcsc_state_result {
    uint32_t event_state;
    unsigned char atr_length;
    unsigned char atr[PCSC_STATE_ATR];
    unsigned char padding[3];
};

#endif
