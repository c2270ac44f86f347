/* The functions that take an array of SCARD_READERSTATE, for callers that have no such struct. */
#include "pcsc_states.h"

#include <stdlib.h>
#include <string.h>

#include "pcsc_strings.h"

/* Create the array; NULL if memory is exhausted. */
static SCARD_READERSTATE *create_array(size_t count, const char *readers, const uint32_t *current)
{
    SCARD_READERSTATE *array = calloc(count > 0 ? count : 1, sizeof *array);
    for (size_t i = 0; array != NULL && i < count; i++) {
        array[i].szReader = readers;
        array[i].dwCurrentState = current[i];
        readers += readers != NULL ? strlen(readers) + 1 : 0;
    }
    return array;
}

/* Copy the results to the caller's memory, and free the array. Returns the code of the whole call. */
static uint32_t return_array(uint32_t code, SCARD_READERSTATE *array, size_t count, void *results)
{
    for (size_t i = 0; i < count; i++) {
        if (code == SCARD_S_SUCCESS && array[i].cbAtr > PCSC_ATR_BUFFER)
            code = PCSC_IMPOSSIBLE_ANSWER;
        struct pcsc_state_result result = {.event_state = (uint32_t)array[i].dwEventState};
        result.atr_length = (unsigned char)(array[i].cbAtr < PCSC_ATR_BUFFER ? array[i].cbAtr : PCSC_ATR_BUFFER);
        memcpy(result.atr, array[i].rgbAtr, result.atr_length);
        memcpy((char *)results + i * sizeof result, &result, sizeof result);
    }
    free(array);
    return code;
}

uint32_t pcsc_get_status_change(const scardffi_library *library, SCARDCONTEXT context, uint32_t timeout, size_t count,
                                const char *readers, const uint32_t *current, void *results)
{
    SCARD_READERSTATE *array = create_array(count, readers, current);
    if (array == NULL)
        return SCARD_E_NO_MEMORY;
    uint32_t code = pcsc_SCardGetStatusChange(library, context, timeout, array, (DWORD)count);
    return return_array(code, array, count, results);
}

uint32_t pcsc_locate_cards(const scardffi_library *library, SCARDCONTEXT context, const char *cards, size_t count,
                           const char *readers, const uint32_t *current, void *results)
{
    SCARD_READERSTATE *array = create_array(count, readers, current);
    if (array == NULL)
        return SCARD_E_NO_MEMORY;
    uint32_t code = pcsc_SCardLocateCards(library, context, cards, array, (DWORD)count);
    return return_array(code, array, count, results);
}

static SCARD_ATRMASK *create_masks(size_t count, const unsigned char *masks, const uint32_t *lengths)
{
    SCARD_ATRMASK *array = calloc(count > 0 ? count : 1, sizeof *array);
    for (size_t i = 0; array != NULL && i < count; i++) {
        array[i].cbAtr = lengths[i];
        memcpy(array[i].rgbAtr, masks + 2 * PCSC_STATE_ATR * i, PCSC_STATE_ATR);
        memcpy(array[i].rgbMask, masks + 2 * PCSC_STATE_ATR * i + PCSC_STATE_ATR, PCSC_STATE_ATR);
    }
    return array;
}

uint32_t pcsc_locate_cards_by_atr(const scardffi_library *library, SCARDCONTEXT context, size_t mask_count,
                                  const unsigned char *masks, const uint32_t *mask_lengths, size_t count,
                                  const char *readers, const uint32_t *current, void *results)
{
    SCARD_ATRMASK *wanted = create_masks(mask_count, masks, mask_lengths);
    if (wanted == NULL)
        return SCARD_E_NO_MEMORY;
    SCARD_READERSTATE *array = create_array(count, readers, current);
    uint32_t code = SCARD_E_NO_MEMORY;
    if (array != NULL) {
        code = pcsc_SCardLocateCardsByATR(library, context, wanted, (DWORD)mask_count, array, (DWORD)count);
        code = return_array(code, array, count, results);
    }
    free(wanted);
    return code;
}
