/* The parts of commands that are secret. */
#include "secrets.h"

#include <stdlib.h>
#include <string.h>

#include "exported.h"
#include "pcsc_abi.h"
#include "scardtrace.h"

/* Instructions of ISO/IEC 7816-4 and GlobalPlatform whose data holds PINs, keys or proofs of knowing them. ENVELOPE may
 * hold any other command. */
static const unsigned char secret_instructions[] = {
    0x20, 0x21, /* VERIFY */
    0x24, 0x25, /* CHANGE REFERENCE DATA */
    0x26,       /* DISABLE VERIFICATION REQUIREMENT */
    0x28,       /* ENABLE VERIFICATION REQUIREMENT */
    0x2C, 0x2D, /* RESET RETRY COUNTER */
    0x82, 0x83, /* EXTERNAL and MUTUAL AUTHENTICATE; LOAD KEYS of PC/SC part 3 */
    0x86, 0x87, /* GENERAL AUTHENTICATE */
    0xC2, 0xC3, /* ENVELOPE */
    0xD8, 0xD9, /* PUT KEY */
};

static void add(struct secret_rules *rules, unsigned class, unsigned instruction)
{
    unsigned bit = class << 8 | instruction;
    rules->commands[bit / 8] |= (unsigned char)(1u << bit % 8);
}

static void add_instruction(struct secret_rules *rules, unsigned instruction)
{
    for (unsigned class = 0; class < 256; class++)
        add(rules, class, instruction);
}

static bool read_rule(struct secret_rules *rules, const char *rule, size_t length)
{
    if (length == 4 && strncmp(rule, "show", 4) == 0) {
        rules->shows_all = true;
        return true;
    }
    if ((length != 2 && length != 4) || strspn(rule, "0123456789abcdefABCDEF") < length)
        return false;
    char digits[5] = {0};
    memcpy(digits, rule, length);
    unsigned number = (unsigned)strtoul(digits, NULL, 16);
    if (length == 2)
        add_instruction(rules, number);
    else
        add(rules, number >> 8, number & 0xFF);
    return true;
}

bool secret_rules_read(struct secret_rules *rules, const char *text)
{
    memset(rules, 0, sizeof *rules);
    for (size_t i = 0; i < sizeof secret_instructions; i++)
        add_instruction(rules, secret_instructions[i]);
    bool is_valid = true;
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ", ");
        if (length > 0)
            is_valid = read_rule(rules, text, length) && is_valid;
        text += length;
        text += strspn(text, ", ");
    }
    return is_valid;
}

/* Return the data of a command. If the lengths are not those of a command with data, everything after the header may be
 * data. */
static struct secret_part data_of(const unsigned char *command, size_t length)
{
    if (length <= 5)
        return (struct secret_part){0, 0};
    size_t short_length = command[4];
    if (short_length > 0 && (length == 5 + short_length || length == 6 + short_length))
        return (struct secret_part){5, short_length};
    if (short_length == 0 && length > 7) {
        size_t extended_length = (size_t)command[5] << 8 | command[6];
        if (extended_length > 0 && (length == 7 + extended_length || length == 9 + extended_length))
            return (struct secret_part){7, extended_length};
    }
    return (struct secret_part){5, length - 5};
}

struct secret_part secret_part_of_command(const struct secret_rules *rules, const unsigned char *command, size_t length)
{
    if (rules->shows_all || length < 2)
        return (struct secret_part){0, 0};
    unsigned bit = (unsigned)command[0] << 8 | command[1];
    if ((rules->commands[bit / 8] >> bit % 8 & 1) == 0)
        return (struct secret_part){0, 0};
    return data_of(command, length);
}

EXPORTED int scardtrace_secret_part(const char *secrets, const unsigned char *command, int length, int *start)
{
    struct secret_rules rules;
    if (!secret_rules_read(&rules, secrets))
        return -1;
    struct secret_part part = secret_part_of_command(&rules, command, (size_t)length);
    *start = (int)part.start;
    return (int)part.length;
}

/* The features whose input or output may hold a PIN, or commands that do (PC/SC part 10, 2.3). */
static bool is_pin_feature(unsigned feature)
{
    return (feature >= 0x01 && feature <= 0x09) || feature == 0x13 || feature == 0x20;
}

void pin_codes_learn(struct pin_codes *known, const unsigned char *features, size_t length)
{
    for (; length >= 6; features += 6, length -= 6) {
        uint32_t code =
            (uint32_t)features[2] << 24 | (uint32_t)features[3] << 16 | (uint32_t)features[4] << 8 | features[5];
        if (features[1] != 4 || !is_pin_feature(features[0]) || pin_codes_has(known, code))
            continue;
        unsigned place = __atomic_fetch_add(&known->count, 1, __ATOMIC_RELAXED);
        if (place < sizeof known->codes / sizeof known->codes[0])
            __atomic_store_n(&known->codes[place], code, __ATOMIC_RELAXED);
    }
}

bool pin_codes_has(const struct pin_codes *known, uint32_t control_code)
{
    /* of the CCID driver for pcsc-lite; a program may use them on any system */
    if ((control_code & 0xFFFFFF00u) == 0x42330000u && is_pin_feature(control_code & 0xFF))
        return true;
    const unsigned room = sizeof known->codes / sizeof known->codes[0];
    unsigned count = __atomic_load_n(&known->count, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count && i < room; i++)
        if (__atomic_load_n(&known->codes[i], __ATOMIC_RELAXED) == control_code)
            return true;
    return count > room; /* a code was dropped: it may be this one */
}
