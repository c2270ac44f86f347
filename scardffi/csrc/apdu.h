/* The length fields of a command and the status word of a response (ISO/IEC 7816-3, clause 12.1.3).
 *
 * Shared with the virtual library, so it includes nothing of the core. */
#ifndef SCARDFFI_APDU_H
#define SCARDFFI_APDU_H

#include <stdbool.h>
#include <stddef.h>

enum { APDU_HEADER_SIZE = 4, APDU_SW_SIZE = 2 };

struct apdu {
    const unsigned char *data; /* the data field, which has `lc` bytes */
    size_t lc;                 /* 0: there is no data field */
    size_t le;                 /* bytes of data expected, 1 to 65 536; 0: there is no Le field */
    size_t le_size;            /* bytes of the Le field, which is the end of the command: 0 to 3 */
    bool extended;             /* the length fields are extended */
};

/* Find the fields of a command of any of the four cases, short or extended. Returns false if the length fields do not
 * match `length`; then `*apdu` is undefined. */
bool apdu_parse(const unsigned char *command, size_t length, struct apdu *apdu);

/* Write a length field and return its size. An extended Le field starts with a zero only if no data comes before it. */
size_t apdu_put_lc(unsigned char *field, size_t lc, bool extended);
size_t apdu_put_le(unsigned char *field, size_t le, bool extended, bool after_data);

/* The status word of a response; 0 if the response has fewer than two bytes. */
unsigned apdu_status_word(const unsigned char *response, size_t length);

#endif
