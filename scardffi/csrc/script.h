/* A script: many commands, packed once, run in one call.
 *
 * A script is immutable and may be run by any number of threads at a time; what changes while it runs stands in
 * a script_run of each caller's own. Responses land one behind the other in the run's arena, each received in
 * place. script_step comes back when the script is done, when a command failed or its status word was not
 * expected, and every now and then, so that the caller can look at signals.
 */
#ifndef SCARDFFI_SCRIPT_H
#define SCARDFFI_SCRIPT_H

#include "flow.h"


/* [declarations] that Python sees */

/* `packed` holds the commands one behind the other, `lengths` the length of each. Both are copied. */
scardffi_script *script_new(size_t count, const unsigned char *packed, const uint32_t *lengths, unsigned flow);
void script_free(scardffi_script *script); /* wipes the commands: they may have held a PIN */
/* Expect of command `index` (of each command, where it is SCRIPT_ALL) a status word sw with
 * (sw & mask) == value for one of the pairs; 0 where memory is out. */
#define SCRIPT_ALL 0xFFFFFFFFu
int script_expect(scardffi_script *script, uint32_t index, size_t count, const uint16_t *values, const uint16_t *masks);

enum {
    SCRIPT_DONE = 0,
    SCRIPT_MORE = 1,    /* come again */
    SCRIPT_FAILED = 2,  /* the command at script_run_index failed with script_run_failure */
    SCRIPT_MISSED = 3   /* the last reply has a status word that was not expected */
};

/* `keep_all`: the replies of every pass rather than of the last one; `timed`: measure each exchange. */
scardffi_run *script_run_new(const scardffi_script *script, scardffi_manage *manage, uint64_t repeat, int keep_all, int timed);
void script_run_free(scardffi_run *run);
/* Run on for at most about `milliseconds` where no single command takes longer. */
int script_step(scardffi_run *run, uint32_t milliseconds);

/* How many commands have been executed over all passes; which one stopped it, and how, as transmit.h says. */
uint64_t script_run_executed(const scardffi_run *run);
size_t script_run_index(const scardffi_run *run);
int64_t script_run_failure(const scardffi_run *run);
uint32_t script_run_arrived(const scardffi_run *run); /* bytes of the failed reply, behind those of the last */
/* The replies that are kept: how many, and of each the offset in the arena (with one more for the end) and the
 * nanoseconds it took (NULL where it was not timed). */
size_t script_run_count(const scardffi_run *run);
unsigned char *script_run_arena(const scardffi_run *run);
const size_t *script_run_offsets(const scardffi_run *run);
const uint64_t *script_run_elapsed(const scardffi_run *run);

/* [end] */

#endif
