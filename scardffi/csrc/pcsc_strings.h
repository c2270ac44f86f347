/* The functions with strings on a given library. All strings are UTF-8; pcsc_strings.c converts them for Windows.
 *
 * On Windows they return SCARD_E_INVALID_PARAMETER if a string is not UTF-8, or if the length of a string is
 * SCARD_AUTOALLOCATE.
 */
#ifndef SCARDFFI_PCSC_STRINGS_H
#define SCARDFFI_PCSC_STRINGS_H

#include "pcsc_api.h"

PCSC_EVERY_TEXT_FUNCTION(PCSC_DECLARE_CALLER)

#endif
