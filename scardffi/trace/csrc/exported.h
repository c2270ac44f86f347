/* EXPORTED marks the names that the shared library exports. All other names are compiled with hidden visibility. */
#ifndef SCARDFFI_TRACE_EXPORTED_H
#define SCARDFFI_TRACE_EXPORTED_H

#if defined(_WIN32)
#  define EXPORTED __declspec(dllexport)
#else
#  define EXPORTED __attribute__((visibility("default")))
#endif

#endif
