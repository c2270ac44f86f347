/* The functions that control the readers, cards and faults of the virtual PC/SC library; PC/SC has none for this.
 *
 * Exported by libscardvirtual, for scardffi.virtual and for programs in C. Readers are found by their name in UTF-8.
 * Each function returns a PC/SC code: 0, SCARD_E_UNKNOWN_READER, SCARD_E_INVALID_VALUE for an invalid name, ATR or
 * fault, SCARD_E_NO_MEMORY, or a code in the comment on the function. */
#ifndef SCARDVIRTUAL_H
#define SCARDVIRTUAL_H

#include <stddef.h>
#include <stdint.h>

/* A card that consists of callbacks. They run on the thread that uses or resets the card, one at a time, and may call
 * PC/SC and the functions below. If such a call would have to wait for the card itself, it returns
 * SCARD_E_SHARING_VIOLATION. */
struct scardvirtual_card {
    uintptr_t data; /* passed to each callback */
    /* Run a command. Set *result to the length of the response, or to minus a PC/SC code. If you do not set it, it is
     * minus SCARD_F_COMM_ERROR. SCARD_E_NO_SMARTCARD and SCARD_W_REMOVED_CARD remove the card. Write the response only
     * if it fits into `room`. */
    void (*transmit)(uintptr_t data, const unsigned char *command, size_t length, unsigned char *response, size_t room,
                     int64_t *result);
    void (*reset)(uintptr_t data); /* the card was reset or powered down; may be NULL */
    /* The last call, made even if the card could not be inserted; may be NULL. It must not call PC/SC or the functions
     * below. */
    void (*released)(uintptr_t data);
};

/* The result of a callback that leaves a control code to the virtual reader. */
#define SCARDVIRTUAL_NOT_HANDLED INT64_MIN

/* A callback for control codes, which must stay valid while the process lives. *result is as above, or
 * SCARDVIRTUAL_NOT_HANDLED. */
struct scardvirtual_control {
    uintptr_t data;
    void (*control)(uintptr_t data, uint32_t code, const unsigned char *command, size_t length, unsigned char *output,
                    size_t room, int64_t *result);
};

/* Returns SCARD_E_SHARING_VIOLATION if a reader with this name exists. `control` is copied; it may be NULL. */
uint32_t scardvirtual_plug(const char *reader, const struct scardvirtual_control *control);
uint32_t scardvirtual_unplug(const char *reader);

/* An insertion returns SCARD_E_SHARING_VIOLATION if the reader holds a card, a removal SCARD_E_NO_SMARTCARD if it is
 * empty. A card with an ATR of length 0 is mute. If `atr` is NULL, an answering card has its own ATR. A running command
 * continues when its card is removed, and the next card waits until the command has ended. */
uint32_t scardvirtual_insert(const char *reader, const unsigned char *atr, size_t atr_length,
                             const struct scardvirtual_card *card);
uint32_t scardvirtual_insert_answering(const char *reader, const unsigned char *atr, size_t atr_length);
uint32_t scardvirtual_remove(const char *reader);

/* Remove the card when the running command has ended with its response. Returns SCARD_E_NO_SMARTCARD if none runs. */
uint32_t scardvirtual_remove_after_command(const char *reader);

/* Waits until the running command has ended, but not until a transaction ends. */
uint32_t scardvirtual_reset(const char *reader);

uint32_t scardvirtual_set_latency(const char *reader, uint32_t microseconds);

/* The effects are in faults.h. *number identifies the fault in the two functions below. */
uint32_t scardvirtual_fault(const char *function, uint32_t call, uint32_t times, uint32_t effect, uint32_t value,
                            const unsigned char *answer, size_t answer_length, uint32_t *number);
uint32_t scardvirtual_fault_hits(uint32_t number, uint32_t *hits); /* the number of calls that it has hit */
uint32_t scardvirtual_end_fault(uint32_t number);

/* Why the library refuses SCARDFFI_VIRTUAL, as it was written to stderr: every call then returns SCARD_E_NO_SERVICE.
 * NULL if the variable is valid or was not read yet. Do not free it. */
const char *scardvirtual_configuration_problem(void);

uint32_t scardvirtual_stop_service(void);
uint32_t scardvirtual_start_service(void);
uint32_t scardvirtual_freeze_service(void); /* the functions are in faults.h */
uint32_t scardvirtual_thaw_service(void);

#endif
