/* The parts of commands that are secret, which are replaced before a record is written. */
#ifndef SCARDFFI_TRACE_SECRETS_H
#define SCARDFFI_TRACE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret_rules {
    bool shows_all;
    unsigned char commands[65536 / 8]; /* a bit for each class and instruction */
};

/* A part of a command; its length is 0 if nothing is secret. */
struct secret_part {
    size_t start, length;
};

/* Fill the rules: the instructions that always have secrets, and those that `text` names. It is a list, separated by
 * commas or spaces: an instruction, or a class and an instruction, in hexadecimal; "show" keeps all secrets. Returns
 * false if it is not valid. `text` may be NULL. */
bool secret_rules_read(struct secret_rules *rules, const char *text);

struct secret_part secret_part_of_command(const struct secret_rules *rules, const unsigned char *command,
                                          size_t length);

/* Control codes of a reader's PIN pad, and of other features whose data holds PINs (PC/SC part 10). A library's codes
 * are learned from its answers to CM_IOCTL_GET_FEATURE_REQUEST; those of common drivers are known. */
struct pin_codes {
    uint32_t codes[64]; /* atomic */
    unsigned count;     /* atomic; more than 64 if codes were dropped */
};

void pin_codes_learn(struct pin_codes *known, const unsigned char *features, size_t length);
bool pin_codes_has(const struct pin_codes *known, uint32_t control_code);

#endif
