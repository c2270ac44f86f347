/* The length fields of a command and the status word of a response. */
#include "apdu.h"

enum {
    SHORT_LC_SIZE = 1,
    EXTENDED_LC_SIZE = 3,
    SHORT_LE_SIZE = 1,
    EXTENDED_LE_SIZE = 2,
    SHORT_LE_MAX = 0x100,
    EXTENDED_LE_MAX = 0x10000
};

static size_t two_bytes(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

/* The Le field is the last `le_size` bytes of the command. Zero means the maximum, 256 or 65 536. */
static void parse_le(const unsigned char *end, size_t le_size, struct apdu *apdu)
{
    size_t le = apdu->extended ? two_bytes(end - EXTENDED_LE_SIZE) : end[-SHORT_LE_SIZE];
    apdu->le_size = le_size;
    apdu->le = le != 0 ? le : apdu->extended ? EXTENDED_LE_MAX : SHORT_LE_MAX;
}

bool apdu_parse(const unsigned char *command, size_t length, struct apdu *apdu)
{
    *apdu = (struct apdu){.data = command + APDU_HEADER_SIZE};
    if (length <= APDU_HEADER_SIZE)
        return length == APDU_HEADER_SIZE; /* case 1 */

    size_t body = length - APDU_HEADER_SIZE; /* everything after the header */
    const unsigned char *end = command + length;
    apdu->extended = body > 1 && apdu->data[0] == 0;
    size_t lc_size = apdu->extended ? EXTENDED_LC_SIZE : SHORT_LC_SIZE;
    if (body < lc_size)
        return false;
    if (body == lc_size) { /* case 2 */
        parse_le(end, lc_size, apdu);
        return true;
    }

    apdu->lc = apdu->extended ? two_bytes(apdu->data + 1) : apdu->data[0];
    apdu->data += lc_size;
    size_t le_size = apdu->extended ? EXTENDED_LE_SIZE : SHORT_LE_SIZE;
    if (apdu->lc == 0)
        return false;
    if (body == lc_size + apdu->lc) /* case 3 */
        return true;
    if (body != lc_size + apdu->lc + le_size)
        return false;
    parse_le(end, le_size, apdu); /* case 4 */
    return true;
}

size_t apdu_put_lc(unsigned char *field, size_t lc, bool extended)
{
    if (extended) {
        *field++ = 0;
        *field++ = (unsigned char)(lc >> 8);
    }
    *field = (unsigned char)lc;
    return extended ? EXTENDED_LC_SIZE : SHORT_LC_SIZE;
}

size_t apdu_put_le(unsigned char *field, size_t le, bool extended, bool after_data)
{
    size_t size = 0;
    if (extended && !after_data)
        field[size++] = 0;
    if (extended)
        field[size++] = (unsigned char)(le >> 8); /* 65 536 is 00 00 */
    field[size++] = (unsigned char)le;            /* 256 is 00 in a short field */
    return size;
}

unsigned apdu_status_word(const unsigned char *response, size_t length)
{
    return length < APDU_SW_SIZE ? 0 : (unsigned)two_bytes(response + length - APDU_SW_SIZE);
}
