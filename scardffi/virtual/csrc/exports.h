/* EXPORTED marks what the shared library exports; everything else is compiled with hidden visibility. */
#ifndef SCARDFFI_VIRTUAL_EXPORTS_H
#define SCARDFFI_VIRTUAL_EXPORTS_H

#if defined(_WIN32)
#  define EXPORTED __declspec(dllexport)
#else
#  define EXPORTED __attribute__((visibility("default")))
#endif

#endif
