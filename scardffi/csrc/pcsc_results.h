/* PC/SC's functions that return several numbers, for callers in Python. They have few pointer arguments, because each
 * one takes time in Python.
 *
 * `library` is NULL for the default library.
 */
#ifndef SCARDFFI_PCSC_RESULTS_H
#define SCARDFFI_PCSC_RESULTS_H

#include "pcsc_states.h"

struct pcsc_card_status {
    uint32_t state, protocol;
    uint32_t needed;        /* the bytes that the reader's name needs */
    uint32_t reader_length; /* the bytes of its name, without NUL */
    unsigned char atr_length;
    unsigned char atr[PCSC_STATE_ATR];
    unsigned char padding[3];
};

/* [declarations] that Python sees */

/* The first functions write to `opened`, before Python can be interrupted: the context or handle, 0 if the call failed;
 * the active protocol; the code; the address of the library. */

/* SCardEstablishContext. Returns the context, or 0. */
SCARDCONTEXT pcsc_establish_context(const scardffi_library *library, uint32_t scope, uint64_t *opened);
/* SCardBeginTransaction. Returns the handle, or 0. */
SCARDHANDLE pcsc_begin_transaction(const scardffi_library *library, SCARDHANDLE handle, uint64_t *opened);
/* SCardReconnect. Returns its code, and the active protocol in the upper 32 bits. */
uint64_t pcsc_reconnect(const scardffi_library *library, SCARDHANDLE handle, uint32_t share_mode, uint32_t protocols,
                        uint32_t initialization);
/* SCardStatus. Writes a pcsc_card_status to `memory`, and the reader's name after it. */
uint32_t pcsc_status(const scardffi_library *library, SCARDHANDLE handle, char *memory, size_t size);
/* SCardGetAttrib. Returns its code, and the length of the value in the upper 32 bits. */
uint64_t pcsc_get_attribute(const scardffi_library *library, SCARDHANDLE handle, uint32_t attribute,
                            unsigned char *value, size_t capacity);
/* SCardControl. Returns its code, and the length of the answer in the upper 32 bits. */
uint64_t pcsc_control(const scardffi_library *library, SCARDHANDLE handle, uint32_t control_code,
                      const unsigned char *command, size_t command_length, unsigned char *response, size_t capacity);

/* The functions that return a multi-string. Each returns its code, and in the upper 32 bits the length of the strings:
 * it counts the NULs between the strings, but not those after the last string. With SCARD_E_INSUFFICIENT_BUFFER it is
 * the length that they need. */
uint64_t pcsc_list_readers(const scardffi_library *library, SCARDCONTEXT context, const char *groups, char *text,
                           uint32_t room);
uint64_t pcsc_list_reader_groups(const scardffi_library *library, SCARDCONTEXT context, char *text, uint32_t room);
uint64_t pcsc_list_cards(const scardffi_library *library, SCARDCONTEXT context, const unsigned char *atr,
                         const unsigned char *interfaces, uint32_t interface_count, char *text, uint32_t room);
uint64_t pcsc_provider_name(const scardffi_library *library, SCARDCONTEXT context, const char *card, uint32_t kind,
                            char *text, uint32_t room);
uint64_t pcsc_device_instance_id(const scardffi_library *library, SCARDCONTEXT context, const char *reader, char *text,
                                 uint32_t room);
uint64_t pcsc_list_readers_of_device(const scardffi_library *library, SCARDCONTEXT context, const char *device,
                                     char *text, uint32_t room);

/* [end] */

/* Complete `status`, and write it before the reader's name, which is in `memory` already. Returns `code`, or
 * PCSC_IMPOSSIBLE_ANSWER if the name has no end. */
uint32_t pcsc_write_status(uint32_t code, struct pcsc_card_status *status, DWORD atr_length, char *memory, size_t size);

/* Write the four numbers of `opened`. Returns `number`, or 0 if the code is not that of success. */
SCARDHANDLE pcsc_opened(uint64_t *opened, const scardffi_library *library, uint32_t code, SCARDHANDLE number,
                        DWORD protocol);

/* Return a length that the library reports, or UINT32_MAX if it is larger. */
static inline uint32_t pcsc_claimed_length(DWORD length)
{
    return length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
}

#endif
