/* A script: many commands, packed once and run in one call.
 *
 * A script does not change, so any number of threads may run it at a time, each with a scardffi_run of its own. The
 * responses are received one after the other in the run's arena, which has room for a response of any length before
 * each command is sent. The arena grows, unless it is the caller's. script_step returns when the script has ended, when
 * a command failed, when a status word was not expected, when the caller's arena is full, and from time to time, so
 * that the caller can handle signals.
 */
#ifndef SCARDFFI_SCRIPT_H
#define SCARDFFI_SCRIPT_H

#include "flow.h"

/* [declarations] that Python sees */

/* `packed` has the commands one after the other, `lengths` the length of each. Both are copied. Returns NULL if memory
 * is exhausted. */
scardffi_script *script_new(size_t count, const unsigned char *packed, const uint32_t *lengths, unsigned flow);
/* Wipe and free the commands: they may contain a PIN. */
void script_free(scardffi_script *script);
/* For command `index`, or for every command if `index` is SCRIPT_ALL, allow only status words `sw` for which
 * (sw & mask) == value is true for one of the pairs. Returns false if memory is exhausted. */
#define SCRIPT_ALL 0xFFFFFFFFu
bool script_expect(scardffi_script *script, uint32_t index, size_t count, const uint16_t *values,
                   const uint16_t *masks);

/* `keep_all` keeps the replies of every pass instead of the last one; `timed` measures each exchange. */
scardffi_run *script_run_new(const scardffi_script *script, scardffi_manage *manage, uint64_t repeat, int keep_all,
                             int timed);
void script_run_free(scardffi_run *run);
/* Begin a run in memory of the caller's, so that a short run allocates nothing here and need not be freed. The memory
 * has `size` bytes, script_run_size or more, and is aligned for any type. What is left of it is the arena. The script
 * must have no flow, because a flow must be ended. */
size_t script_run_size(const scardffi_script *script, bool with_arena);
scardffi_run *script_run_place(unsigned char *memory, size_t size, const scardffi_script *script,
                               scardffi_manage *manage, uint64_t repeat);
/* Return a new run that goes on after SCRIPT_FULL of a placed run, with a copy of its replies and an arena that grows.
 * Returns NULL if memory is exhausted. */
scardffi_run *script_run_continue(const scardffi_run *placed);
/* Before the first step: receive the responses in this memory of the caller's. Returns false if the commands are in it.
 * With a flow, a part that is longer than announced may fail for lack of room, unless FLOW_ROOM bytes are free. */
bool script_run_receive_in(scardffi_run *run, unsigned char *memory, size_t size);
/* Run for at most about `milliseconds`, or longer if one command takes longer. Returns SCARDFFI_SCRIPT_DONE,
 * SCARDFFI_SCRIPT_MORE, SCARDFFI_SCRIPT_FAILED, SCRIPT_UNEXPECTED_SW if the last reply has a status word that
 * script_expect does not allow, or SCRIPT_FULL if the caller's arena has fewer than MAX_BUFFER_SIZE_EXTENDED bytes left
 * before the command at script_run_index, which is not sent. */
#define SCRIPT_UNEXPECTED_SW 3
#define SCRIPT_FULL 4
int script_step(scardffi_run *run, uint32_t milliseconds);
/* Give up a run that script_step may have left in the middle of a response. */
void script_run_end(scardffi_run *run);

/* The number of commands executed in all passes. */
uint64_t script_run_executed(const scardffi_run *run);
/* The index of the command that stopped the run, its failure as in transmit.h, and the numbers of bytes of its reply
 * that arrived, as in exchange.h. The bytes are in the arena after the last kept reply. If memory is exhausted, the
 * command was not sent. */
size_t script_run_index(const scardffi_run *run);
int64_t script_run_failure(const scardffi_run *run);
uint32_t script_run_arrived(const scardffi_run *run);
uint32_t script_run_rest(const scardffi_run *run);
bool script_run_is_refused(const scardffi_run *run);
/* The kept replies: their number, their memory, the offset of each in it (and one more offset, the end), and the
 * nanoseconds that each exchange took (NULL if they were not measured). */
size_t script_run_count(const scardffi_run *run);
unsigned char *script_run_arena(const scardffi_run *run);
const size_t *script_run_offsets(const scardffi_run *run);
const uint64_t *script_run_elapsed(const scardffi_run *run);

/* [end] */

#endif
