/* The card that is always there: it answers with as many bytes as Le asks for. */
#include "answering_card.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { INS_GET_CHALLENGE = 0x84, INS_SELECT = 0xA4, INS_READ_BINARY = 0xB0 };
enum {
    SW_SUCCESS = 0x9000,
    SW_WRONG_LENGTH = 0x6700,
    SW_FILE_NOT_FOUND = 0x6A82,
    SW_WRONG_PARAMETERS = 0x6A86,
    SW_UNKNOWN_INSTRUCTION = 0x6D00,
    SW_UNKNOWN_CLASS = 0x6E00
};

/* Highest offset (15 bits) plus the longest answer. One memcpy is then all that READ BINARY costs. */
enum { FILE_SIZE = 0x8000 + 0x10000 };
static unsigned char file[FILE_SIZE];

struct command {
    unsigned char cla, ins, p1, p2;
    const unsigned char *data;
    size_t lc;
    size_t le; /* 0: no Le field */
};

static size_t big_endian_16(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

/* ISO/IEC 7816-3, 12.1.3: the four cases, short and extended; false where the lengths do not add up. */
static bool parse(const unsigned char *bytes, size_t length, struct command *command)
{
    if (length < 4)
        return false;
    *command = (struct command){.cla = bytes[0], .ins = bytes[1], .p1 = bytes[2], .p2 = bytes[3]};
    if (length == 4)
        return true;
    if (length == 5) {
        command->le = bytes[4] != 0 ? bytes[4] : 0x100;
        return true;
    }

    bool extended = bytes[4] == 0;
    size_t header = extended ? 7 : 5;
    size_t le_size = extended ? 2 : 1;
    if (length < header)
        return false;
    size_t first = extended ? big_endian_16(bytes + 5) : bytes[4];
    if (extended && length == header) {
        command->le = first != 0 ? first : 0x10000;
        return true;
    }

    command->data = bytes + header;
    command->lc = first;
    if (command->lc == 0)
        return false;
    if (length == header + command->lc)
        return true;
    if (length != header + command->lc + le_size)
        return false;
    size_t le = extended ? big_endian_16(bytes + length - 2) : bytes[length - 1];
    command->le = le != 0 ? le : (extended ? 0x10000 : 0x100);
    return true;
}

static size_t end_with(unsigned sw, unsigned char *answer, size_t room, size_t data_length)
{
    if (room >= data_length + 2) {
        answer[data_length] = (unsigned char)(sw >> 8);
        answer[data_length + 1] = (unsigned char)sw;
    }
    return data_length + 2;
}

static unsigned select_file(const struct command *command)
{
    static const unsigned char master_file[] = {0x3F, 0x00};
    if (command->p1 != 0 || command->lc != sizeof master_file
        || memcmp(command->data, master_file, sizeof master_file) != 0)
        return SW_FILE_NOT_FOUND;
    return SW_SUCCESS;
}

static size_t answer_command(struct card *card, const unsigned char *bytes, size_t length,
                             unsigned char *answer, size_t room)
{
    struct answering_card *self = (struct answering_card *)card;
    struct command command;
    if (!parse(bytes, length, &command))
        return end_with(SW_WRONG_LENGTH, answer, room, 0);
    if (command.cla != 0)
        return end_with(SW_UNKNOWN_CLASS, answer, room, 0);
    if (command.ins == INS_SELECT)
        return end_with(select_file(&command), answer, room, 0);
    if (command.ins != INS_READ_BINARY && command.ins != INS_GET_CHALLENGE)
        return end_with(SW_UNKNOWN_INSTRUCTION, answer, room, 0);

    if (command.le == 0 || command.lc != 0)
        return end_with(SW_WRONG_LENGTH, answer, room, 0);
    bool fits = room >= command.le + 2;
    if (command.ins == INS_READ_BINARY) {
        if (command.p1 & 0x80) /* P1 names a file by its short identifier */
            return end_with(SW_WRONG_PARAMETERS, answer, room, 0);
        if (fits)
            memcpy(answer, file + ((size_t)command.p1 << 8 | command.p2), command.le);
    } else if (fits) {
        random_bytes(&self->random, answer, command.le);
    }
    return end_with(SW_SUCCESS, answer, room, command.le);
}

void answering_card_start(struct answering_card *self)
{
    /* TS: direct convention, eight historical bytes; TD1: T=0, TD2: T=1. */
    static const unsigned char atr[] = {0x3B, 0x88, 0x80, 0x01, 's', 'c', 'a', 'r', 'd', 'f', 'f', 'i'};
    unsigned char check = 0;
    memcpy(self->card.atr, atr, sizeof atr);
    for (size_t i = 1; i < sizeof atr; i++)
        check ^= atr[i];
    self->card.atr[sizeof atr] = check;
    self->card.atr_length = sizeof atr + 1;
    self->card.protocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;
    self->card.transmit = answer_command;
    random_start(&self->random);
    for (uint32_t i = 0; i < FILE_SIZE; i++)
        file[i] = (unsigned char)(i ^ (i >> 8));
}
