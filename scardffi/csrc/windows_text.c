/* The functions with strings on Windows: the core's are in UTF-8, the library's in UTF-16. */
#include "pcsc_api.h"

#if defined(SCARDFFI_ABI_WINDOWS)

#  include <stdlib.h>
#  include <string.h>

#  include "utf16.h"

/* The bytes of a string and its NUL; of a multi-string, which ends with an empty string. */
static size_t string_size(const char *text)
{
    return strlen(text) + 1;
}

static size_t multi_string_size(const char *text)
{
    const char *end = text;

    while (*end != '\0')
        end += string_size(end);
    return (size_t)(end - text) + 1;
}

/* The UTF-16 of `size` bytes, as the table's members take it, for the caller to free; NULL is itself. */
static uint32_t widen(const char *text, size_t size, char **wide)
{
    size_t units;

    *wide = NULL;
    if (text == NULL)
        return SCARD_S_SUCCESS;
    units = utf16_from_utf8(text, size, NULL);
    if (units == UTF16_INVALID)
        return SCARD_E_INVALID_PARAMETER;
    *wide = malloc(units * sizeof(uint16_t));
    if (*wide == NULL)
        return SCARD_E_NO_MEMORY;
    utf16_from_utf8(text, size, (uint16_t *)(void *)*wide);
    return SCARD_S_SUCCESS;
}

static uint32_t widen_string(const char *text, char **wide)
{
    return widen(text, text != NULL ? string_size(text) : 0, wide);
}

static uint32_t widen_multi_string(const char *text, char **wide)
{
    return widen(text, text != NULL ? multi_string_size(text) : 0, wide);
}

/* A string that the library is asked for: it allocates it, whatever room the caller has for the UTF-8. */
typedef struct {
    char *memory; /* the library's, UTF-16 */
    DWORD units;
} answer;
#  define NO_ANSWER {NULL, SCARD_AUTOALLOCATE}
#  define TEXT_OF(answer) ((char *)&(answer).memory)

static uint32_t check_room(const char *text, const DWORD *length)
{
    return length == NULL || (text != NULL && *length == SCARD_AUTOALLOCATE) ? SCARD_E_INVALID_PARAMETER
                                                                             : SCARD_S_SUCCESS;
}

/* Write the UTF-8 of `units` to the caller's memory, or only its length where that is NULL. */
static uint32_t narrow(const char *wide, size_t units, char *text, DWORD *length)
{
    const uint16_t *characters = (const uint16_t *)(const void *)wide;
    size_t room = *length, size = utf16_to_utf8(characters, units, NULL);

    if (size >= SCARD_AUTOALLOCATE)
        return SCARD_F_INTERNAL_ERROR;
    *length = (DWORD)size;
    if (text == NULL)
        return SCARD_S_SUCCESS;
    if (size > room)
        return SCARD_E_INSUFFICIENT_BUFFER;
    utf16_to_utf8(characters, units, text);
    return SCARD_S_SUCCESS;
}

/* Hand over what the library has said, and free it; what the call answers. */
static uint32_t deliver(const scardffi_library *api, SCARDCONTEXT context, answer *wide, uint32_t code, char *text,
                        DWORD *length)
{
    if (wide->memory == NULL)
        return code;
    if (code == SCARD_S_SUCCESS)
        code = narrow(wide->memory, wide->units, text, length);
    pcsc_SCardFreeMemory(api, context, wide->memory);
    return code;
}

/* The code of a call, after what it needs; HR_NOTIMPL where the table lacks it. */
#  define CALL(function, ready, ...)                                                                        \
      uint32_t code = api->function == NULL ? HR_NOTIMPL : (ready);                                         \
      if (code == SCARD_S_SUCCESS)                                                                          \
          code = (uint32_t)api->function(__VA_ARGS__)

static uint32_t widen_strings(const char *first, char **wide_first, const char *second, char **wide_second)
{
    uint32_t code = widen_string(first, wide_first);
    return code == SCARD_S_SUCCESS ? widen_string(second, wide_second) : code;
}

/* A function with one string for the library, `text`, which is `wide` in the call */
#  define WITH_STRING(function, text, ...)                                                                  \
      char *wide = NULL;                                                                                    \
      CALL(function, widen_string(text, &wide), __VA_ARGS__);                                               \
      free(wide);                                                                                           \
      return code

/* A function with two, which are `wide` and `wide_too` in the call */
#  define WITH_STRINGS(function, text, second, ...)                                                         \
      char *wide = NULL, *wide_too = NULL;                                                                  \
      CALL(function, widen_strings(text, &wide, second, &wide_too), __VA_ARGS__);                           \
      free(wide);                                                                                           \
      free(wide_too);                                                                                       \
      return code

/* The readers' names go to the library in the caller's own array, and are put back behind the call. */
static void give_names_back(SCARD_READERSTATE *states, DWORD count, const char **names)
{
    for (DWORD i = 0; i < count; i++) {
        if (states[i].szReader != names[i])
            free((void *)(uintptr_t)states[i].szReader);
        states[i].szReader = names[i];
    }
    free(names);
}

static uint32_t widen_names(SCARD_READERSTATE *states, DWORD count, const char ***names)
{
    uint32_t code = SCARD_S_SUCCESS;

    if (states == NULL)
        return count == 0 ? SCARD_S_SUCCESS : SCARD_E_INVALID_PARAMETER;
    *names = malloc((count > 0 ? count : 1) * sizeof **names);
    if (*names == NULL)
        return SCARD_E_NO_MEMORY;
    for (DWORD i = 0; i < count; i++)
        (*names)[i] = states[i].szReader;
    for (DWORD i = 0; i < count && code == SCARD_S_SUCCESS; i++) {
        char *wide;
        code = widen_string(states[i].szReader, &wide);
        if (code == SCARD_S_SUCCESS)
            states[i].szReader = wide;
    }
    return code;
}

/* A function with the states of readers */
#  define WITH_STATES(function, states, count, ready, ...)                                                  \
      const char **names = NULL;                                                                            \
      uint32_t names_code = api->function == NULL ? HR_NOTIMPL : widen_names(states, count, &names);        \
      CALL(function, names_code == SCARD_S_SUCCESS ? (ready) : names_code, __VA_ARGS__);                    \
      if (names != NULL)                                                                                    \
          give_names_back(states, count, names)

uint32_t pcsc_SCardConnect(const scardffi_library *api, SCARDCONTEXT context, const char *reader, DWORD share_mode,
                           DWORD protocols, SCARDHANDLE *handle, DWORD *protocol)
{
    WITH_STRING(SCardConnect, reader, context, wide, share_mode, protocols, handle, protocol);
}

/* Into memory of this call's own: there is no context to free the library's on. */
uint32_t pcsc_SCardStatus(const scardffi_library *api, SCARDHANDLE handle, char *reader, DWORD *reader_length,
                          DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    uint16_t name[1024];
    DWORD units = sizeof name / sizeof name[0];
    uint32_t ready = reader_length != NULL ? check_room(reader, reader_length) : SCARD_S_SUCCESS;

    CALL(SCardStatus, ready, handle, (char *)name, &units, state, protocol, atr, atr_length);
    if (code == SCARD_S_SUCCESS && units > sizeof name / sizeof name[0])
        code = SCARD_F_INTERNAL_ERROR;
    if (code == SCARD_S_SUCCESS && reader_length != NULL)
        code = narrow((const char *)name, units, reader, reader_length);
    return code;
}

uint32_t pcsc_SCardGetStatusChange(const scardffi_library *api, SCARDCONTEXT context, DWORD timeout,
                                   SCARD_READERSTATE *states, DWORD count)
{
    WITH_STATES(SCardGetStatusChange, states, count, SCARD_S_SUCCESS, context, timeout, states, count);
    return code;
}

uint32_t pcsc_SCardListReaderGroups(const scardffi_library *api, SCARDCONTEXT context, char *groups, DWORD *length)
{
    answer wide = NO_ANSWER;
    CALL(SCardListReaderGroups, check_room(groups, length), context, TEXT_OF(wide), &wide.units);
    return deliver(api, context, &wide, code, groups, length);
}

/* The functions that answer one string and take one */
#  define ANSWER_FOR_STRING(function, ready, text, length, ...)                                             \
      char *wide = NULL;                                                                                    \
      answer wide_answer = NO_ANSWER;                                                                       \
      uint32_t room_code = check_room(text, length);                                                        \
      CALL(function, room_code == SCARD_S_SUCCESS ? (ready) : room_code, __VA_ARGS__, TEXT_OF(wide_answer), \
           &wide_answer.units);                                                                             \
      free(wide);                                                                                           \
      return deliver(api, context, &wide_answer, code, text, length)

uint32_t pcsc_SCardListReaders(const scardffi_library *api, SCARDCONTEXT context, const char *groups, char *readers,
                               DWORD *length)
{
    ANSWER_FOR_STRING(SCardListReaders, widen_multi_string(groups, &wide), readers, length, context, wide);
}

uint32_t pcsc_SCardListCards(const scardffi_library *api, SCARDCONTEXT context, const unsigned char *atr,
                             const unsigned char *interfaces, DWORD interface_count, char *cards, DWORD *length)
{
    answer wide = NO_ANSWER;
    CALL(SCardListCards, check_room(cards, length), context, atr, interfaces, interface_count, TEXT_OF(wide),
         &wide.units);
    return deliver(api, context, &wide, code, cards, length);
}

uint32_t pcsc_SCardListInterfaces(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                  unsigned char *interfaces, DWORD *count)
{
    WITH_STRING(SCardListInterfaces, card, context, wide, interfaces, count);
}

uint32_t pcsc_SCardGetProviderId(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                 unsigned char *provider)
{
    WITH_STRING(SCardGetProviderId, card, context, wide, provider);
}

uint32_t pcsc_SCardGetCardTypeProviderName(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                           DWORD kind, char *provider, DWORD *length)
{
    ANSWER_FOR_STRING(SCardGetCardTypeProviderName, widen_string(card, &wide), provider, length, context, wide,
                      kind);
}

uint32_t pcsc_SCardSetCardTypeProviderName(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                           DWORD kind, const char *provider)
{
    WITH_STRINGS(SCardSetCardTypeProviderName, card, provider, context, wide, kind, wide_too);
}

uint32_t pcsc_SCardIntroduceReaderGroup(const scardffi_library *api, SCARDCONTEXT context, const char *group)
{
    WITH_STRING(SCardIntroduceReaderGroup, group, context, wide);
}

uint32_t pcsc_SCardForgetReaderGroup(const scardffi_library *api, SCARDCONTEXT context, const char *group)
{
    WITH_STRING(SCardForgetReaderGroup, group, context, wide);
}

uint32_t pcsc_SCardIntroduceReader(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                   const char *device)
{
    WITH_STRINGS(SCardIntroduceReader, reader, device, context, wide, wide_too);
}

uint32_t pcsc_SCardForgetReader(const scardffi_library *api, SCARDCONTEXT context, const char *reader)
{
    WITH_STRING(SCardForgetReader, reader, context, wide);
}

uint32_t pcsc_SCardAddReaderToGroup(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                    const char *group)
{
    WITH_STRINGS(SCardAddReaderToGroup, reader, group, context, wide, wide_too);
}

uint32_t pcsc_SCardRemoveReaderFromGroup(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                         const char *group)
{
    WITH_STRINGS(SCardRemoveReaderFromGroup, reader, group, context, wide, wide_too);
}

uint32_t pcsc_SCardIntroduceCardType(const scardffi_library *api, SCARDCONTEXT context, const char *card,
                                     const unsigned char *provider, const unsigned char *interfaces,
                                     DWORD interface_count, const unsigned char *atr, const unsigned char *mask,
                                     DWORD atr_length)
{
    WITH_STRING(SCardIntroduceCardType, card, context, wide, provider, interfaces, interface_count, atr, mask,
                atr_length);
}

uint32_t pcsc_SCardForgetCardType(const scardffi_library *api, SCARDCONTEXT context, const char *card)
{
    WITH_STRING(SCardForgetCardType, card, context, wide);
}

uint32_t pcsc_SCardLocateCards(const scardffi_library *api, SCARDCONTEXT context, const char *cards,
                               SCARD_READERSTATE *states, DWORD count)
{
    char *wide = NULL;
    WITH_STATES(SCardLocateCards, states, count, widen_multi_string(cards, &wide), context, wide, states, count);
    free(wide);
    return code;
}

uint32_t pcsc_SCardLocateCardsByATR(const scardffi_library *api, SCARDCONTEXT context, const SCARD_ATRMASK *masks,
                                    DWORD mask_count, SCARD_READERSTATE *states, DWORD count)
{
    WITH_STATES(SCardLocateCardsByATR, states, count, SCARD_S_SUCCESS, context, masks, mask_count, states, count);
    return code;
}

uint32_t pcsc_SCardReadCache(const scardffi_library *api, SCARDCONTEXT context, const unsigned char *card,
                             DWORD freshness, const char *item, unsigned char *data, DWORD *length)
{
    WITH_STRING(SCardReadCache, item, context, card, freshness, wide, data, length);
}

uint32_t pcsc_SCardWriteCache(const scardffi_library *api, SCARDCONTEXT context, const unsigned char *card,
                              DWORD freshness, const char *item, const unsigned char *data, DWORD length)
{
    WITH_STRING(SCardWriteCache, item, context, card, freshness, wide, data, length);
}

uint32_t pcsc_SCardGetReaderIcon(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                 unsigned char *icon, DWORD *length)
{
    WITH_STRING(SCardGetReaderIcon, reader, context, wide, icon, length);
}

uint32_t pcsc_SCardGetDeviceTypeId(const scardffi_library *api, SCARDCONTEXT context, const char *reader, DWORD *kind)
{
    WITH_STRING(SCardGetDeviceTypeId, reader, context, wide, kind);
}

uint32_t pcsc_SCardGetReaderDeviceInstanceId(const scardffi_library *api, SCARDCONTEXT context, const char *reader,
                                             char *device, DWORD *length)
{
    ANSWER_FOR_STRING(SCardGetReaderDeviceInstanceId, widen_string(reader, &wide), device, length, context,
                      wide);
}

uint32_t pcsc_SCardListReadersWithDeviceInstanceId(const scardffi_library *api, SCARDCONTEXT context,
                                                   const char *device, char *readers, DWORD *length)
{
    ANSWER_FOR_STRING(SCardListReadersWithDeviceInstanceId, widen_string(device, &wide), readers, length,
                      context, wide);
}

#else
typedef int no_text_to_convert; /* ISO C wants something in a file */
#endif
