/* The functions with strings on a given library. */
#include "pcsc_strings.h"

#if !defined(SCARDFFI_ABI_WINDOWS)

PCSC_EVERY_TEXT_FUNCTION(PCSC_DEFINE_CALLER)

#else /* the rest of the file: UTF-8 on this side, UTF-16 on the library's side */

#  include <stdlib.h>
#  include <string.h>

#  include "utf16.h"

/* Return the number of bytes of a string with its NUL. */
static size_t string_size(const char *text)
{
    return strlen(text) + 1;
}

/* Return the number of bytes of a multi-string, which ends with an empty string. */
static size_t multi_string_size(const char *text)
{
    const char *end = text;
    while (*end != '\0')
        end += string_size(end);
    return (size_t)(end - text) + 1;
}

/* Convert `size` bytes to UTF-16, in memory that the caller frees. `*wide` has the type that the table's members take.
 * If `text` is NULL, `*wide` is NULL. */
static uint32_t widen(const char *text, size_t size, char **wide)
{
    *wide = NULL;
    if (text == NULL)
        return SCARD_S_SUCCESS;
    size_t units = utf16_from_utf8(text, size, NULL);
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

static uint32_t widen_strings(const char *first, char **wide_first, const char *second, char **wide_second)
{
    uint32_t code = widen_string(first, wide_first);
    return code == SCARD_S_SUCCESS ? widen_string(second, wide_second) : code;
}

/* A string that the library allocates, because the caller's length counts bytes of UTF-8. */
struct library_text {
    char *memory; /* UTF-16 */
    DWORD units;
};
#  define NO_LIBRARY_TEXT {NULL, SCARD_AUTOALLOCATE}
#  define AUTOALLOCATED(text) ((char *)&(text).memory)

static uint32_t check_room(const char *text, const DWORD *length)
{
    bool is_refused = length == NULL || (text != NULL && *length == SCARD_AUTOALLOCATE);
    return is_refused ? SCARD_E_INVALID_PARAMETER : SCARD_S_SUCCESS;
}

/* Write the UTF-8 of `units` to the caller's memory, or only its length if `text` is NULL. */
static uint32_t narrow(const char *wide, size_t units, char *text, DWORD *length)
{
    const uint16_t *characters = (const uint16_t *)(const void *)wide;
    size_t room = *length, size = utf16_to_utf8(characters, units, NULL);
    if (size >= SCARD_AUTOALLOCATE)
        return PCSC_IMPOSSIBLE_ANSWER;
    *length = (DWORD)size;
    if (text == NULL)
        return SCARD_S_SUCCESS;
    if (size > room)
        return SCARD_E_INSUFFICIENT_BUFFER;
    utf16_to_utf8(characters, units, text);
    return SCARD_S_SUCCESS;
}

/* Return the number of units up to the end of a string or, if `is_list`, of a multi-string; `units` if it has no end
 * before. It is not read beyond its end, in case that the library reports more units than it has allocated. */
static size_t units_until_end(const char *wide, size_t units, bool is_list)
{
    const uint16_t *characters = (const uint16_t *)(const void *)wide;
    size_t end = 0;
    while (end < units && (characters[end] != 0 || (is_list && end > 0 && characters[end - 1] != 0)))
        end++;
    return end < units ? end + 1 : units;
}

/* Convert the library's text for the caller, free it, and return the code of the whole call. */
static uint32_t deliver(const scardffi_library *library, SCARDCONTEXT context, struct library_text *wide, uint32_t code,
                        bool is_list, char *text, DWORD *length)
{
    if (wide->memory == NULL)
        return code == SCARD_S_SUCCESS ? PCSC_IMPOSSIBLE_ANSWER : code;
    if (code == SCARD_S_SUCCESS)
        code = narrow(wide->memory, units_until_end(wide->memory, wide->units, is_list), text, length);
    pcsc_SCardFreeMemory(library, context, wide->memory);
    return code;
}

/* Replace the readers' names in the caller's array by UTF-16. For restore_names, `*names` keeps the caller's names, and
 * after them those that replace them. */
static uint32_t widen_names(SCARD_READERSTATE *states, DWORD count, const char ***names)
{
    if (states == NULL)
        return count == 0 ? SCARD_S_SUCCESS : SCARD_E_INVALID_PARAMETER;
    *names = calloc(count > 0 ? 2 * (size_t)count : 1, sizeof **names);
    if (*names == NULL)
        return SCARD_E_NO_MEMORY;
    for (DWORD i = 0; i < count; i++)
        (*names)[i] = states[i].szReader;
    uint32_t code = SCARD_S_SUCCESS;
    for (DWORD i = 0; i < count && code == SCARD_S_SUCCESS; i++) {
        char *wide;
        code = widen_string(states[i].szReader, &wide);
        if (code == SCARD_S_SUCCESS)
            states[i].szReader = (*names)[count + i] = wide;
    }
    return code;
}

static void restore_names(SCARD_READERSTATE *states, DWORD count, const char **names)
{
    for (DWORD i = 0; names != NULL && i < count; i++) {
        free((void *)(uintptr_t)names[count + i]);
        states[i].szReader = names[i];
    }
    free(names);
}

/* Each macro below defines `code`, the code of the call. The library is called only if the value of the expression
 * `preparation` is success; otherwise this value is the code. */
/* clang-format off */

#  define CALL(function, preparation, ...)                                                                             \
      library = pcsc_given_or_default(library);                                                                        \
      uint32_t code = library->function == NULL ? pcsc_missing(library) : (preparation);                               \
      if (code == SCARD_S_SUCCESS)                                                                                     \
          code = (uint32_t)library->function(__VA_ARGS__)

/* The call passes one string, `text`, as `wide`. */
#  define RETURN_WITH_STRING(function, text, ...)                                                                      \
      char *wide = NULL;                                                                                               \
      CALL(function, widen_string(text, &wide), __VA_ARGS__);                                                          \
      free(wide);                                                                                                      \
      return code

/* The call passes two strings as `wide_first` and `wide_second`. */
#  define RETURN_WITH_STRINGS(function, first, second, ...)                                                            \
      char *wide_first = NULL, *wide_second = NULL;                                                                    \
      CALL(function, widen_strings(first, &wide_first, second, &wide_second), __VA_ARGS__);                            \
      free(wide_first);                                                                                                \
      free(wide_second);                                                                                               \
      return code

/* The call passes one string as `wide`, which `preparation` sets. Its last two arguments receive a string or, if
 * `is_list`, a multi-string. */
#  define RETURN_TEXT_FOR_STRING(function, preparation, is_list, text, length, ...)                                    \
      char *wide = NULL;                                                                                               \
      struct library_text answer = NO_LIBRARY_TEXT;                                                                    \
      uint32_t room_code = check_room(text, length);                                                                   \
      CALL(function, room_code == SCARD_S_SUCCESS ? (preparation) : room_code, __VA_ARGS__, AUTOALLOCATED(answer),     \
           &answer.units);                                                                                             \
      free(wide);                                                                                                      \
      return deliver(library, context, &answer, code, is_list, text, length)

/* The call passes the states of readers. */
#  define CALL_WITH_STATES(function, states, count, preparation, ...)                                                  \
      const char **names = NULL;                                                                                       \
      library = pcsc_given_or_default(library);                                                                        \
      uint32_t names_code = library->function == NULL ? pcsc_missing(library) : widen_names(states, count, &names);    \
      CALL(function, names_code == SCARD_S_SUCCESS ? (preparation) : names_code, __VA_ARGS__);                         \
      restore_names(states, count, names)

/* clang-format on */

uint32_t pcsc_SCardConnect(const scardffi_library *library, SCARDCONTEXT context, const char *reader, DWORD share_mode,
                           DWORD protocols, SCARDHANDLE *handle, DWORD *protocol)
{
    RETURN_WITH_STRING(SCardConnect, reader, context, wide, share_mode, protocols, handle, protocol);
}

/* The name is written to an array of this function: memory of the library could not be freed without a context. */
uint32_t pcsc_SCardStatus(const scardffi_library *library, SCARDHANDLE handle, char *reader, DWORD *reader_length,
                          DWORD *state, DWORD *protocol, unsigned char *atr, DWORD *atr_length)
{
    uint16_t name[1024];
    DWORD units = sizeof name / sizeof name[0];
    uint32_t ready = reader_length != NULL ? check_room(reader, reader_length) : SCARD_S_SUCCESS;

    CALL(SCardStatus, ready, handle, (char *)name, &units, state, protocol, atr, atr_length);
    if (code == SCARD_S_SUCCESS && units > sizeof name / sizeof name[0])
        code = PCSC_IMPOSSIBLE_ANSWER;
    if (code == SCARD_S_SUCCESS && reader_length != NULL)
        code = narrow((const char *)name, units, reader, reader_length);
    return code;
}

uint32_t pcsc_SCardGetStatusChange(const scardffi_library *library, SCARDCONTEXT context, DWORD timeout,
                                   SCARD_READERSTATE *states, DWORD count)
{
    CALL_WITH_STATES(SCardGetStatusChange, states, count, SCARD_S_SUCCESS, context, timeout, states, count);
    return code;
}

uint32_t pcsc_SCardListReaderGroups(const scardffi_library *library, SCARDCONTEXT context, char *groups, DWORD *length)
{
    struct library_text wide = NO_LIBRARY_TEXT;
    CALL(SCardListReaderGroups, check_room(groups, length), context, AUTOALLOCATED(wide), &wide.units);
    return deliver(library, context, &wide, code, true, groups, length);
}

uint32_t pcsc_SCardListReaders(const scardffi_library *library, SCARDCONTEXT context, const char *groups, char *readers,
                               DWORD *length)
{
    RETURN_TEXT_FOR_STRING(SCardListReaders, widen_multi_string(groups, &wide), true, readers, length, context, wide);
}

uint32_t pcsc_SCardListCards(const scardffi_library *library, SCARDCONTEXT context, const unsigned char *atr,
                             const unsigned char *interfaces, DWORD interface_count, char *cards, DWORD *length)
{
    struct library_text wide = NO_LIBRARY_TEXT;
    CALL(SCardListCards, check_room(cards, length), context, atr, interfaces, interface_count, AUTOALLOCATED(wide),
         &wide.units);
    return deliver(library, context, &wide, code, true, cards, length);
}

uint32_t pcsc_SCardListInterfaces(const scardffi_library *library, SCARDCONTEXT context, const char *card,
                                  unsigned char *interfaces, DWORD *count)
{
    RETURN_WITH_STRING(SCardListInterfaces, card, context, wide, interfaces, count);
}

uint32_t pcsc_SCardGetProviderId(const scardffi_library *library, SCARDCONTEXT context, const char *card,
                                 unsigned char *provider)
{
    RETURN_WITH_STRING(SCardGetProviderId, card, context, wide, provider);
}

uint32_t pcsc_SCardGetCardTypeProviderName(const scardffi_library *library, SCARDCONTEXT context, const char *card,
                                           DWORD kind, char *provider, DWORD *length)
{
    RETURN_TEXT_FOR_STRING(SCardGetCardTypeProviderName, widen_string(card, &wide), false, provider, length, context,
                           wide, kind);
}

uint32_t pcsc_SCardSetCardTypeProviderName(const scardffi_library *library, SCARDCONTEXT context, const char *card,
                                           DWORD kind, const char *provider)
{
    RETURN_WITH_STRINGS(SCardSetCardTypeProviderName, card, provider, context, wide_first, kind, wide_second);
}

uint32_t pcsc_SCardIntroduceReaderGroup(const scardffi_library *library, SCARDCONTEXT context, const char *group)
{
    RETURN_WITH_STRING(SCardIntroduceReaderGroup, group, context, wide);
}

uint32_t pcsc_SCardForgetReaderGroup(const scardffi_library *library, SCARDCONTEXT context, const char *group)
{
    RETURN_WITH_STRING(SCardForgetReaderGroup, group, context, wide);
}

uint32_t pcsc_SCardIntroduceReader(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                   const char *device)
{
    RETURN_WITH_STRINGS(SCardIntroduceReader, reader, device, context, wide_first, wide_second);
}

uint32_t pcsc_SCardForgetReader(const scardffi_library *library, SCARDCONTEXT context, const char *reader)
{
    RETURN_WITH_STRING(SCardForgetReader, reader, context, wide);
}

uint32_t pcsc_SCardAddReaderToGroup(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                    const char *group)
{
    RETURN_WITH_STRINGS(SCardAddReaderToGroup, reader, group, context, wide_first, wide_second);
}

uint32_t pcsc_SCardRemoveReaderFromGroup(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                         const char *group)
{
    RETURN_WITH_STRINGS(SCardRemoveReaderFromGroup, reader, group, context, wide_first, wide_second);
}

uint32_t pcsc_SCardIntroduceCardType(const scardffi_library *library, SCARDCONTEXT context, const char *card,
                                     const unsigned char *provider, const unsigned char *interfaces,
                                     DWORD interface_count, const unsigned char *atr, const unsigned char *mask,
                                     DWORD atr_length)
{
    RETURN_WITH_STRING(SCardIntroduceCardType, card, context, wide, provider, interfaces, interface_count, atr, mask,
                       atr_length);
}

uint32_t pcsc_SCardForgetCardType(const scardffi_library *library, SCARDCONTEXT context, const char *card)
{
    RETURN_WITH_STRING(SCardForgetCardType, card, context, wide);
}

uint32_t pcsc_SCardLocateCards(const scardffi_library *library, SCARDCONTEXT context, const char *cards,
                               SCARD_READERSTATE *states, DWORD count)
{
    char *wide = NULL;
    CALL_WITH_STATES(SCardLocateCards, states, count, widen_multi_string(cards, &wide), context, wide, states, count);
    free(wide);
    return code;
}

uint32_t pcsc_SCardLocateCardsByATR(const scardffi_library *library, SCARDCONTEXT context, const SCARD_ATRMASK *masks,
                                    DWORD mask_count, SCARD_READERSTATE *states, DWORD count)
{
    CALL_WITH_STATES(SCardLocateCardsByATR, states, count, SCARD_S_SUCCESS, context, masks, mask_count, states, count);
    return code;
}

uint32_t pcsc_SCardReadCache(const scardffi_library *library, SCARDCONTEXT context, const unsigned char *card,
                             DWORD freshness, const char *item, unsigned char *data, DWORD *length)
{
    RETURN_WITH_STRING(SCardReadCache, item, context, card, freshness, wide, data, length);
}

uint32_t pcsc_SCardWriteCache(const scardffi_library *library, SCARDCONTEXT context, const unsigned char *card,
                              DWORD freshness, const char *item, const unsigned char *data, DWORD length)
{
    RETURN_WITH_STRING(SCardWriteCache, item, context, card, freshness, wide, data, length);
}

uint32_t pcsc_SCardGetReaderIcon(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                 unsigned char *icon, DWORD *length)
{
    RETURN_WITH_STRING(SCardGetReaderIcon, reader, context, wide, icon, length);
}

uint32_t pcsc_SCardGetDeviceTypeId(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                   DWORD *kind)
{
    RETURN_WITH_STRING(SCardGetDeviceTypeId, reader, context, wide, kind);
}

uint32_t pcsc_SCardGetReaderDeviceInstanceId(const scardffi_library *library, SCARDCONTEXT context, const char *reader,
                                             char *device, DWORD *length)
{
    RETURN_TEXT_FOR_STRING(SCardGetReaderDeviceInstanceId, widen_string(reader, &wide), false, device, length, context,
                           wide);
}

uint32_t pcsc_SCardListReadersWithDeviceInstanceId(const scardffi_library *library, SCARDCONTEXT context,
                                                   const char *device, char *readers, DWORD *length)
{
    RETURN_TEXT_FOR_STRING(SCardListReadersWithDeviceInstanceId, widen_string(device, &wide), true, readers, length,
                           context, wide);
}

#endif
