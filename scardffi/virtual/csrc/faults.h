/* Faults on demand: the n-th call of a PC/SC function fails, or something happens to its card. */
#ifndef SCARDFFI_VIRTUAL_FAULTS_H
#define SCARDFFI_VIRTUAL_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcsc_abi.h"

#define FAULT_FUNCTIONS(F)                                                                                             \
    F(SCardEstablishContext)                                                                                           \
    F(SCardReleaseContext)                                                                                             \
    F(SCardIsValidContext)                                                                                             \
    F(SCardConnect)                                                                                                    \
    F(SCardReconnect)                                                                                                  \
    F(SCardDisconnect)                                                                                                 \
    F(SCardBeginTransaction)                                                                                           \
    F(SCardEndTransaction)                                                                                             \
    F(SCardStatus)                                                                                                     \
    F(SCardGetStatusChange)                                                                                            \
    F(SCardControl)                                                                                                    \
    F(SCardTransmit)                                                                                                   \
    F(SCardListReaderGroups)                                                                                           \
    F(SCardListReaders)                                                                                                \
    F(SCardFreeMemory)                                                                                                 \
    F(SCardCancel)                                                                                                     \
    F(SCardGetAttrib)                                                                                                  \
    F(SCardSetAttrib)

enum pcsc_function {
    FUNCTION_UNKNOWN,
#define ENUMERATOR(name) FUNCTION_##name,
    FAULT_FUNCTIONS(ENUMERATOR)
#undef ENUMERATOR
};

enum fault_effect {
    FAULT_CODE = 1, /* the call returns a code and does nothing */
    FAULT_STOP,     /* the resource manager stops just before the call */
    FAULT_RESET,    /* another program resets the card just before SCardTransmit */
    FAULT_LATENCY,  /* the card takes longer for this command */
    FAULT_REMOVAL,  /* the card is removed during this command: it runs it, but the response is lost */
    FAULT_ANSWER    /* the card runs the command, and the program gets other bytes as its response */
};

/* The effects of all faults on one command. */
struct command_faults {
    bool reset, removal;
    uint64_t latency_us;
    uint32_t answer_fault; /* the number of the fault with FAULT_ANSWER, or 0 */
};

/* These are called with the mutex held. A fault exists until fault_end, even after its last hit.
 *
 * fault_arm returns SCARD_E_INVALID_VALUE if there is no such function or the function cannot have this effect, and
 * SCARD_E_NO_MEMORY if there is no memory or there are too many faults. */
LONG fault_arm(const char *function, uint32_t call, uint32_t times, enum fault_effect effect, uint32_t value,
               const unsigned char *answer, size_t answer_length, uint32_t *number);
bool fault_end(uint32_t number);                      /* false if no fault has this number */
void fault_report_to(uint32_t number, uint16_t port); /* connect to this port at the first hit */
bool fault_get_hits(uint32_t number, uint32_t *hits); /* false if no fault has this number */
void fault_end_all(void);

/* From fault_freeze to fault_thaw no PC/SC function returns, except those that are waiting for a card or for the end of
 * another handle's transaction. */
void fault_freeze(void);
void fault_thaw(void);
void fault_wait_until_thawed(void); /* returns at once if it is not frozen */

void fault_reset_after_fork(void); /* in the child */

/* The functions below are called without the mutex. */

extern atomic_uint fault_count; /* faults that have not ended */
bool fault_apply(enum pcsc_function function, LONG *code, struct command_faults *faults);

/* Called at the start of each PC/SC function. Returns true if the function must return `*code` at once. `faults` is
 * NULL except in SCardTransmit. */
static inline bool fault_ends_call(enum pcsc_function function, LONG *code, struct command_faults *faults)
{
    return atomic_load_explicit(&fault_count, memory_order_relaxed) != 0 && fault_apply(function, code, faults);
}

/* Write the answer of a fault if it fits into `room`. Returns its length, or -1 if the fault has ended. */
int64_t fault_copy_answer(uint32_t number, unsigned char *answer, size_t room);

#endif
