/* What libscardtrace exports beside PC/SC's functions: the core and scardffi.trace use it.
 *
 * Each PC/SC library that is traced has a slot, which has functions of its own that record and pass on. The functions
 * that the library exports under PC/SC's names use a slot too: that of the real PC/SC library. */
#ifndef SCARDTRACE_H
#define SCARDTRACE_H

#include <stddef.h>
#include <stdint.h>

/* Return the slot of a loaded PC/SC library: the same number for the same library; -1 if all slots are in use. */
int scardtrace_slot(void *library);

/* Return the function of a slot that records and passes on, the library's own function if it is never recorded, or NULL
 * if the library lacks it. */
void *scardtrace_symbol(int slot, const char *name);

/* Record the calls of a slot as SCARDFFI_TRACE says; nothing if it is not set. Errors are written to stderr. */
void scardtrace_follow_environment(int slot);

/* Record the calls of a slot to the file at `path`, which is appended to, as text to stderr if `path` is "-", or to the
 * `pipe`, a descriptor or on Windows a handle, of which a duplicate is used, if `path` is NULL. `secrets` has the form
 * of SCARDFFI_TRACE_SECRETS; it may be NULL. Returns 0 and writes the `number` for scardtrace_stop, or writes the
 * problem to `problem` and returns an errno if the file cannot be opened, -1 if the file is not a trace or `secrets` is
 * not valid. */
int scardtrace_start(int slot, const char *path, intptr_t pipe, const char *secrets, int *number, char *problem,
                     size_t size);

/* End a recording; nothing if the number is 0. */
void scardtrace_stop(int number);

/* Find the secret part of a command, by the rules that `secrets` adds to those that always hold. Returns its length, 0
 * if nothing is secret, or -1 if `secrets` is not valid; `start` becomes the number of bytes before it. */
int scardtrace_secret_part(const char *secrets, const unsigned char *command, int length, int *start);

#endif
