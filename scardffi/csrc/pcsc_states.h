/* The functions that take an array of SCARD_READERSTATE, for callers that have no such struct.
 *
 * `states` has three numbers for each reader: the current state, which the caller sets, and the event state and the
 * length of the ATR, which the call sets. `atrs` has room for PCSC_STATE_ATR bytes for each reader.
 */
#ifndef SCARDFFI_PCSC_STATES_H
#define SCARDFFI_PCSC_STATES_H

#include "pcsc_api.h"

/* [declarations] that Python sees */

#define PCSC_STATE_ATR 36

uint32_t pcsc_get_status_change(const scardffi_library *library, SCARDCONTEXT context, DWORD timeout, size_t count,
                                const char *const *readers, uint32_t *states, unsigned char *atrs);
/* `cards` is a multi-string of card names. */
uint32_t pcsc_locate_cards(const scardffi_library *library, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *const *readers, uint32_t *states, unsigned char *atrs);
/* For each length in `mask_lengths`, `masks` has PCSC_STATE_ATR bytes of an ATR and then as many bytes of a mask. */
uint32_t pcsc_locate_cards_by_atr(const scardffi_library *library, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *const *readers, uint32_t *states, unsigned char *atrs);

/* [end] */

#endif
