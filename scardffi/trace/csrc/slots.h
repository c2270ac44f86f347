/* The PC/SC libraries that are traced, and the destinations of their records. */
#ifndef SCARDFFI_TRACE_SLOTS_H
#define SCARDFFI_TRACE_SLOTS_H

#include "pcsc_api.h"
#include "secrets.h"
#include "sink.h"

#define SLOT_COUNT 8

#if defined(SCARDFFI_ABI_WINDOWS)
#  define TRACED_NUMBER_FUNCTIONS(F) PCSC_EVERY_NUMBER_FUNCTION(F)
#  define TRACED_TEXT_FUNCTIONS(F) PCSC_EVERY_TEXT_FUNCTION(F)
#else
#  define TRACED_NUMBER_FUNCTIONS(F) PCSC_NUMBER_FUNCTIONS(F)
#  define TRACED_TEXT_FUNCTIONS(F) PCSC_TEXT_FUNCTIONS(F)
#endif
#define TRACED_FUNCTIONS(F) TRACED_NUMBER_FUNCTIONS(F) TRACED_TEXT_FUNCTIONS(F)

struct real_functions {
#define DECLARE_MEMBER(need, name, arguments, ...) LONG(PCSC_CALL *name)(__VA_ARGS__);
    TRACED_FUNCTIONS(DECLARE_MEMBER)
#undef DECLARE_MEMBER
};

struct slot {
    void *library;              /* NULL if the slot is free, or if there is no library */
    struct real_functions real; /* NULL for functions that the library lacks */
    unsigned sink_count;        /* atomic */
    bool follows_environment;   /* guarded by a lock of slots.c */
    struct pin_codes pin_codes;
};

extern struct slot slots[SLOT_COUNT];

/* The slot of the functions that are exported under PC/SC's names, with pcsc-lite. The first call loads the real
 * library.
 */
struct slot *slot_exported(void);

/* The destinations of a slot: hold the lock while you use one. */
void sinks_lock(void);
void sinks_unlock(void);
struct sink *sinks_next(const struct slot *slot, const struct sink *previous); /* the first one after NULL */

/* Numbers of the process and the thread, as the system shows them. */
uint32_t process_number(void);
uint64_t thread_number(void);

#endif
