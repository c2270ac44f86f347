/* EXPORTED marks the names that the shared library exports. All other names are compiled with hidden visibility. */
#ifndef SCARDFFI_VIRTUAL_EXPORTS_H
#define SCARDFFI_VIRTUAL_EXPORTS_H

#if defined(_WIN32)
#  define EXPORTED __declspec(dllexport)
#else
#  define EXPORTED __attribute__((visibility("default")))
#endif

#endif
