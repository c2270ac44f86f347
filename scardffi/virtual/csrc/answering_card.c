/* The card that is always there. Its commands, in hexadecimal:
 *   00 B0 P1 P2 Le       READ BINARY: the byte at offset i is (i ^ i >> 8) & FF
 *   00 84 00 00 Le       GET CHALLENGE: random-looking bytes
 *   00 A4 00 0C 02 id    SELECT: 9000 for 3F00, otherwise 6A82
 *   00 C0 00 00 Le       GET RESPONSE: what 80 1C has prepared
 *   80 10 hi lo          answers after hi:lo milliseconds, at once when it is taken out
 *   80 12 hi lo          answers hi:lo bytes as READ BINARY has them, 0000 means 65 536
 *   80 16 00 00          fails: SCARD_E_NOT_TRANSACTED
 *   80 18 00 00 Lc data  answers the data
 *   80 1A 00 00          answers how many commands it has seen, this one too: 4 bytes, big-endian
 *   80 1C hi lo          prepares hi:lo bytes for GET RESPONSE, 0000 means 65 536: 61xx
 *   80 1E 00 n Le        6Cnn unless Le is n (00: 256), then n bytes
 * Less than 4 bytes are no command and fail too, length fields that do not fit are 6700.
 * With bit 5 of the class (10) set, data is kept for the command that follows: chaining, ISO/IEC 7816-4, 5.3.3.
 */
#include "answering_card.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "random_numbers.h"
#include "turns.h"

enum { CHAINED = 0x10, CHAIN_MOST = 65535, HEADER = 4 };
enum {
    SW_SUCCESS = 0x9000,
    SW_BYTES_LEFT = 0x6100,
    SW_WRONG_LENGTH = 0x6700,
    SW_NOTHING_PREPARED = 0x6985,
    SW_FILE_NOT_FOUND = 0x6A82,
    SW_WRONG_PARAMETERS = 0x6A86,
    SW_WRONG_LE = 0x6C00,
    SW_UNKNOWN_INSTRUCTION = 0x6D00,
    SW_UNKNOWN_CLASS = 0x6E00
};

/* Highest offset (15 bits) plus the longest answer. One memcpy is then all that READ BINARY costs. */
enum { FILE_SIZE = 0x8000 + 0x10000 };
static unsigned char file[FILE_SIZE];
static pthread_once_t file_once = PTHREAD_ONCE_INIT;

struct answering_card {
    struct card card; /* the first member: a pointer to it is a pointer to the whole */
    struct random_numbers random;
    uint32_t commands; /* seen */
    size_t prepared, prepared_at; /* for GET RESPONSE: how many bytes, and how many of them are fetched */
    unsigned char chain_header[HEADER];
    unsigned char *chain; /* NULL: none */
    size_t chain_length;
};

struct command {
    unsigned char cla, ins, p1, p2;
    const unsigned char *data;
    size_t lc;
    size_t le; /* 0: no Le field */
};

/* Where the answer goes, and how much of it there is. */
struct answer {
    unsigned char *bytes;
    size_t room;
    size_t length;
};

static void fill_file(void)
{
    for (uint32_t i = 0; i < FILE_SIZE; i++)
        file[i] = (unsigned char)(i ^ (i >> 8));
}

static size_t big_endian_16(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

/* ISO/IEC 7816-3, 12.1.3: the four cases, short and extended; false where the lengths do not add up. */
static bool parse(const unsigned char *bytes, size_t length, struct command *command)
{
    if (length < HEADER)
        return false;
    *command = (struct command){.cla = bytes[0], .ins = bytes[1], .p1 = bytes[2], .p2 = bytes[3]};
    if (length == HEADER)
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

/* Room for data of the answer, or NULL where it does not fit; its length counts all the same. */
static unsigned char *extend(struct answer *answer, size_t length)
{
    answer->length = length;
    return answer->room >= length + 2 ? answer->bytes : NULL;
}

static unsigned answer_bytes(struct answer *answer, const unsigned char *bytes, size_t length)
{
    unsigned char *place = extend(answer, length);
    if (place != NULL && length > 0)
        memmove(place, bytes, length);
    return SW_SUCCESS;
}

static unsigned select_file(const struct command *command)
{
    static const unsigned char master_file[] = {0x3F, 0x00};
    if (command->p1 != 0 || command->lc != sizeof master_file
        || memcmp(command->data, master_file, sizeof master_file) != 0)
        return SW_FILE_NOT_FOUND;
    return SW_SUCCESS;
}

static unsigned read_binary(const struct command *command, struct answer *answer)
{
    if (command->le == 0 || command->lc != 0)
        return SW_WRONG_LENGTH;
    if (command->p1 & 0x80) /* P1 names a file by its short identifier */
        return SW_WRONG_PARAMETERS;
    return answer_bytes(answer, file + ((size_t)command->p1 << 8 | command->p2), command->le);
}

static unsigned get_challenge(struct answering_card *self, const struct command *command, struct answer *answer)
{
    if (command->le == 0 || command->lc != 0)
        return SW_WRONG_LENGTH;
    unsigned char *place = extend(answer, command->le);
    if (place != NULL)
        random_bytes(&self->random, place, command->le);
    return SW_SUCCESS;
}

static unsigned bytes_left(const struct answering_card *self)
{
    size_t left = self->prepared - self->prepared_at;
    if (left == 0)
        return SW_SUCCESS;
    return SW_BYTES_LEFT | (left < 0x100 ? (unsigned)left : 0);
}

static unsigned get_response(struct answering_card *self, const struct command *command, struct answer *answer)
{
    size_t left = self->prepared - self->prepared_at;
    if (command->le == 0 || command->lc != 0)
        return SW_WRONG_LENGTH;
    if (left == 0)
        return SW_NOTHING_PREPARED;
    if (command->le > left)
        return SW_WRONG_LE | (left & 0xFF);
    answer_bytes(answer, file + self->prepared_at, command->le);
    self->prepared_at += command->le;
    return bytes_left(self);
}

static unsigned count_commands(const struct answering_card *self, struct answer *answer)
{
    unsigned char count[4];
    for (unsigned i = 0; i < sizeof count; i++)
        count[i] = (unsigned char)(self->commands >> (24 - 8 * i));
    return answer_bytes(answer, count, sizeof count);
}

static unsigned answer_exact_length(const struct command *command, struct answer *answer)
{
    size_t length = command->p2 != 0 ? command->p2 : 0x100;
    if (command->le != length)
        return SW_WRONG_LE | command->p2;
    return answer_bytes(answer, file, length);
}

/* The status word, or 0 where the exchange fails. */
static unsigned run(struct answering_card *self, const struct command *command, struct answer *answer)
{
    size_t number = (size_t)command->p1 << 8 | command->p2;
    switch ((unsigned)command->cla << 8 | command->ins) {
    case 0x00B0:
        return read_binary(command, answer);
    case 0x0084:
        return get_challenge(self, command, answer);
    case 0x00A4:
        return select_file(command);
    case 0x00C0:
        return get_response(self, command, answer);
    case 0x8010:
        return pause_card(&self->card, (DWORD)number * 1000) ? SW_SUCCESS : 0;
    case 0x8012:
        return answer_bytes(answer, file, number != 0 ? number : 0x10000);
    case 0x8016:
        return 0;
    case 0x8018:
        return answer_bytes(answer, command->data, command->lc);
    case 0x801A:
        return count_commands(self, answer);
    case 0x801C:
        self->prepared = number != 0 ? number : 0x10000;
        return bytes_left(self);
    case 0x801E:
        return answer_exact_length(command, answer);
    default:
        return command->cla == 0x00 || command->cla == 0x80 ? SW_UNKNOWN_INSTRUCTION : SW_UNKNOWN_CLASS;
    }
}

static void forget_chain(struct answering_card *self)
{
    free(self->chain);
    self->chain = NULL;
    self->chain_length = 0;
}

static bool continues_chain(const struct answering_card *self, const struct command *command)
{
    const unsigned char *header = self->chain_header;
    return self->chain != NULL && (command->cla & ~CHAINED) == header[0] && command->ins == header[1]
           && command->p1 == header[2] && command->p2 == header[3];
}

/* Keep the data of a command for the one that ends its chain. */
static unsigned keep(struct answering_card *self, const struct command *command)
{
    if (command->lc == 0 || self->chain_length + command->lc > CHAIN_MOST) {
        forget_chain(self);
        return SW_WRONG_LENGTH;
    }
    unsigned char *chain = realloc(self->chain, self->chain_length + command->lc);
    if (chain == NULL) {
        forget_chain(self);
        return 0;
    }
    memcpy(chain + self->chain_length, command->data, command->lc);
    self->chain = chain;
    self->chain_length += command->lc;
    const unsigned char header[HEADER] = {command->cla & (unsigned char)~CHAINED, command->ins, command->p1,
                                          command->p2};
    memcpy(self->chain_header, header, sizeof header);
    return SW_SUCCESS;
}

static void forget(struct card *card)
{
    struct answering_card *self = (struct answering_card *)card;
    self->prepared = self->prepared_at = 0;
    forget_chain(self);
}

/* Chaining around one command. */
static unsigned run_in_chain(struct answering_card *self, struct command *command, struct answer *answer)
{
    if (self->chain != NULL && !continues_chain(self, command))
        forget_chain(self);
    if (self->chain == NULL && !(command->cla & CHAINED))
        return run(self, command, answer);

    bool is_last = !(command->cla & CHAINED);
    unsigned sw = SW_SUCCESS;
    if (!is_last || command->lc > 0)
        sw = keep(self, command);
    if (!is_last || sw != SW_SUCCESS)
        return sw;
    command->data = self->chain;
    command->lc = self->chain_length;
    sw = run(self, command, answer);
    forget_chain(self);
    return sw;
}

static int64_t answer_command(struct card *card, const unsigned char *bytes, size_t length,
                              unsigned char *answer_place, size_t room)
{
    struct answering_card *self = (struct answering_card *)card;
    struct answer answer = {.bytes = answer_place, .room = room};
    struct command command;
    self->commands++;
    unsigned sw = length < HEADER ? 0 : SW_WRONG_LENGTH;
    bool is_command = parse(bytes, length, &command);
    if (!is_command)
        forget(card);
    else if (command.ins != 0xC0)
        self->prepared = self->prepared_at = 0;
    if (is_command)
        sw = run_in_chain(self, &command, &answer);
    if (sw == 0)
        return -(int64_t)SCARD_E_NOT_TRANSACTED;
    if (room >= answer.length + 2) {
        answer_place[answer.length] = (unsigned char)(sw >> 8);
        answer_place[answer.length + 1] = (unsigned char)sw;
    }
    return (int64_t)answer.length + 2;
}

static void release(struct card *card)
{
    forget(card);
    free(card);
}

struct card *new_answering_card(const unsigned char *atr, size_t atr_length)
{
    /* TS: direct convention, eight historical bytes; TD1: T=0, TD2: T=1; the check byte makes all but TS zero. */
    static const unsigned char own_atr[] = {0x3B, 0x88, 0x80, 0x01, 's', 'c', 'a', 'r', 'd', 'f', 'f', 'i', 0x07};
    struct answering_card *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    if (!card_set_atr(&self->card, atr != NULL ? atr : own_atr, atr != NULL ? atr_length : sizeof own_atr)) {
        free(self);
        return NULL;
    }
    self->card.transmit = answer_command;
    self->card.reset = forget;
    self->card.release = release;
    random_start(&self->random);
    pthread_once(&file_once, fill_file);
    return &self->card;
}
