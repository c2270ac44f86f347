/* The integers of PC/SC under names of scardffi, so that they do not clash with a
 * winscard.h.
 *
 * They are those of the platform; -DSCARDFFI_ABI_WINDOWS, -DSCARDFFI_ABI_MACOS and
 * -DSCARDFFI_ABI_PCSCLITE select those of another one.
 */
#ifndef SCARDFFI_TYPES_H
#define SCARDFFI_TYPES_H

#include <stdint.h>

#if !defined(SCARDFFI_ABI_WINDOWS) && !defined(SCARDFFI_ABI_MACOS) &&                  \
    !defined(SCARDFFI_ABI_PCSCLITE)
#  if defined(_WIN32)
#    define SCARDFFI_ABI_WINDOWS
#  elif defined(__APPLE__)
#    define SCARDFFI_ABI_MACOS
#  else
#    define SCARDFFI_ABI_PCSCLITE
#  endif
#endif

/* scardffi_dword is DWORD, scardffi_long is LONG, scardffi_context is SCARDCONTEXT,
 * scardffi_handle is SCARDHANDLE. */
#if defined(SCARDFFI_ABI_WINDOWS)
#  if defined(_WIN32)
typedef unsigned long scardffi_dword;
typedef long scardffi_long;
#  else
typedef uint32_t scardffi_dword;
typedef int32_t scardffi_long;
#  endif
#  if defined(_WIN32) && !defined(_WIN64)
typedef unsigned long scardffi_context;
typedef unsigned long scardffi_handle;
#  else
typedef uintptr_t scardffi_context;
typedef uintptr_t scardffi_handle;
#  endif
#elif defined(SCARDFFI_ABI_MACOS)
typedef uint32_t scardffi_dword;
typedef int32_t scardffi_long;
typedef int32_t scardffi_context;
typedef int32_t scardffi_handle;
#else
typedef unsigned long scardffi_dword;
typedef long scardffi_long;
typedef long scardffi_context;
typedef long scardffi_handle;
#endif

#endif
