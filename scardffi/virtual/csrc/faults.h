/* Faults on demand: what the n-th call of a function does instead of, or before, its work. */
#ifndef SCARDFFI_VIRTUAL_FAULTS_H
#define SCARDFFI_VIRTUAL_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcsc_abi.h"

#define FAULTY_FUNCTIONS(F)                                                                                \
    F(SCardEstablishContext) F(SCardReleaseContext) F(SCardIsValidContext) F(SCardConnect)                 \
    F(SCardReconnect) F(SCardDisconnect) F(SCardBeginTransaction) F(SCardEndTransaction) F(SCardStatus)    \
    F(SCardGetStatusChange) F(SCardControl) F(SCardTransmit) F(SCardListReaderGroups) F(SCardListReaders)  \
    F(SCardFreeMemory) F(SCardCancel) F(SCardGetAttrib) F(SCardSetAttrib)

enum function {
#define NAME_IN_FAULTS(name) IN_##name,
    FAULTY_FUNCTIONS(NAME_IN_FAULTS)
#undef NAME_IN_FAULTS
    NO_FUNCTION
};

enum effect {
    FAULT_CODE = 1, /* the call answers a code and does nothing */
    FAULT_STOP,     /* the resource manager stops just before the call */
    FAULT_RESET,    /* another program resets the card just before SCardTransmit */
    FAULT_LATENCY,  /* the card takes longer for this command */
    FAULT_REMOVAL,  /* the card is taken out in the middle of this command */
    FAULT_ANSWER    /* the card has run this command, and something else comes back */
};

/* What happens to one command. */
struct mishap {
    bool reset, removal;
    uint64_t latency_us;
    uint32_t answer; /* the number of the fault that has it, 0: none */
};

/* SCARD_E_INVALID_VALUE: no such function, or it cannot have this effect; SCARD_E_NO_MEMORY, also where there are
 * too many. These are called with the world's mutex held. A fault stays, spent, until it is ended. */
LONG arm_fault(const char *function, uint32_t call, uint32_t times, enum effect effect, uint32_t value,
               const unsigned char *answer, size_t answer_length, uint32_t *number);
bool end_fault(uint32_t number); /* false: there is none */
bool count_hits(uint32_t number, uint32_t *hits); /* the same */

extern atomic_uint faults_armed; /* spent ones too */
bool look_for_fault(enum function function, LONG *code, struct mishap *mishap);

/* Whether the call ends here with a code. A mishap is asked for by SCardTransmit alone. */
static inline bool meets_fault(enum function function, LONG *code, struct mishap *mishap)
{
    return atomic_load_explicit(&faults_armed, memory_order_relaxed) != 0
           && look_for_fault(function, code, mishap);
}

/* The length of the answer that comes back instead, written where it fits; minus 1 where the fault has ended. */
int64_t answer_of_fault(uint32_t number, unsigned char *answer, size_t room);

void forget_faults(void); /* in the child of a fork, the world's mutex held */

#endif
