/* The real PC/SC library, which the functions exported under PC/SC's names pass their calls on to. */
#ifndef SCARDFFI_TRACE_REAL_LIBRARY_H
#define SCARDFFI_TRACE_REAL_LIBRARY_H

/* Load the library that SCARDFFI_LIBRARY names, or the one that the loader would find if this library were not there.
 * Returns NULL if there is none, which is told on stderr. */
void *real_library_open(void);

#endif
