/* The operating system, POSIX or Windows: files that are appended to, the time, and numbers of processes and threads.
 */
#ifndef SCARDFFI_TRACE_SYSTEM_H
#define SCARDFFI_TRACE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef intptr_t system_file; /* a descriptor of POSIX, a handle of Windows */
#define SYSTEM_NO_FILE ((system_file) - 1)

/* Open a file that each write is appended to. A new one can be read and written by the user only. Returns
 * SYSTEM_NO_FILE and sets *error to an errno on failure. */
system_file system_open(const char *path, int *error);
system_file system_duplicate(system_file file, int *error);
system_file system_stderr(void);
void system_close(system_file file);

bool system_is_regular(system_file file);
bool system_is_empty(system_file file);
size_t system_read_start(system_file file, void *bytes, size_t length); /* returns the number of bytes read */

/* Keep other processes from beginning the same file. */
void system_lock(system_file file);
void system_unlock(system_file file);

/* Each returns the number of bytes written, and sets *error to an errno if these are not all. */
size_t system_write_file(system_file file, const unsigned char *bytes, size_t length, int *error);
/* A pipe that nobody reads must not end the program by SIGPIPE. */
size_t system_write_pipe(system_file file, const unsigned char *bytes, size_t length, int *error);

/* Take back the part of a record that was written before the disk was full, unless another process has written since.
 */
void system_take_back(system_file file, size_t done);

/* Keep and restore what the program may ask for after a call: errno, and the last error of Windows. */
struct system_errors {
    int number;
    unsigned long last;
};
struct system_errors system_keep_errors(void);
void system_restore_errors(struct system_errors errors);

uint64_t system_time(void); /* nanoseconds since 1970 */
bool system_local_time(time_t seconds, struct tm *local);

/* Numbers of the process and the thread, as the system shows them. */
uint32_t system_process(void);
uint64_t system_thread(void);
void system_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#endif
