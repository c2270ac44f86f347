/* The functions with strings on a given library. All strings are UTF-8; pcsc_strings.c converts them for Windows.
 *
 * On Windows a string that is not UTF-8, and SCARD_AUTOALLOCATE as the length of a string, are
 * SCARD_E_INVALID_PARAMETER.
 */
#ifndef SCARDFFI_PCSC_STRINGS_H
#define SCARDFFI_PCSC_STRINGS_H

#include "pcsc_api.h"

PCSC_EVERY_TEXT_FUNCTION(PCSC_DECLARE_CALLER)

#endif
