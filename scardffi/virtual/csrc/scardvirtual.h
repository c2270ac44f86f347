/* What a program may do to the world of its own process, beside PC/SC: readers, cards and faults.
 *
 * Exported by libscardvirtual, for scardffi.virtual and for programs in C. Readers are named; each function
 * answers a code of PC/SC: 0, SCARD_E_UNKNOWN_READER, SCARD_E_INVALID_VALUE for a name, an ATR or a fault that
 * cannot be, SCARD_E_NO_MEMORY, or what is said beside it. */
#ifndef SCARDVIRTUAL_H
#define SCARDVIRTUAL_H

#include <stddef.h>
#include <stdint.h>

/* A card that is somebody's functions. They are called on the thread of whoever uses or resets the card, never
 * two at a time, and may use PC/SC and what is here themselves; what would wait for the card itself answers
 * SCARD_E_SHARING_VIOLATION then. */
struct scardvirtual_card {
    uintptr_t data; /* handed to the functions */
    /* Run a command. The result is the length of the response, which is written only where it fits into `room`,
     * or minus a code of the resource manager; it is minus SCARD_F_COMM_ERROR until it is set. */
    void (*transmit)(uintptr_t data, const unsigned char *command, size_t length, unsigned char *answer,
                     size_t room, int64_t *result);
    void (*reset)(uintptr_t data); /* the card was reset or switched off; or NULL */
    /* The last call of all, also where the card could not be inserted; or NULL. It must not use PC/SC or what
     * is here. */
    void (*released)(uintptr_t data);
};

/* Control codes that are somebody's function, valid as long as the process lives. The result is as above, or
 * INT64_MIN to leave the code to the reader. */
struct scardvirtual_control {
    uintptr_t data;
    void (*control)(uintptr_t data, uint32_t code, const unsigned char *command, size_t length,
                    unsigned char *answer, size_t room, int64_t *result);
};

/* SCARD_E_SHARING_VIOLATION: a reader of this name is there. `control` may be NULL; it is copied. */
uint32_t scardvirtual_plug(const char *reader, const struct scardvirtual_control *control);
uint32_t scardvirtual_unplug(const char *reader);

/* SCARD_E_SHARING_VIOLATION: a card is there; SCARD_E_NO_SMARTCARD: none is. An ATR of length 0 is a mute card's;
 * `atr` NULL is the answering card's own. A command that is running goes on when its card is taken out, and the
 * next card waits for its end. */
uint32_t scardvirtual_insert(const char *reader, const unsigned char *atr, size_t atr_length,
                             const struct scardvirtual_card *card);
uint32_t scardvirtual_insert_answering(const char *reader, const unsigned char *atr, size_t atr_length);
uint32_t scardvirtual_remove(const char *reader);

/* When the command that is running has ended; a transaction does not keep it off. */
uint32_t scardvirtual_reset(const char *reader);

uint32_t scardvirtual_set_latency(const char *reader, uint32_t microseconds);

/* faults.h tells the effects. The number is for scardvirtual_end_fault. */
uint32_t scardvirtual_fault(const char *function, uint32_t call, uint32_t times, uint32_t effect, uint32_t value,
                            const unsigned char *answer, size_t answer_length, uint32_t *number);
uint32_t scardvirtual_fault_hits(uint32_t number, uint32_t *hits); /* how many calls it has hit */
uint32_t scardvirtual_end_fault(uint32_t number);

uint32_t scardvirtual_stop_service(void);
uint32_t scardvirtual_start_service(void);

#endif
