/* The default card. Its commands, in hexadecimal:
 *   00 B0 P1 P2 Le       READ BINARY: the byte at offset i is (i ^ i >> 8) & FF
 *   00 84 00 00 Le       GET CHALLENGE: pseudo-random bytes
 *   00 A4 00 0C 02 id    SELECT: 9000 for 3F00, otherwise 6A82
 *   00 C0 00 00 Le       GET RESPONSE: the next bytes that 80 1C prepared
 *   80 10 hi lo          responds after hi:lo milliseconds, or at once if the card is removed
 *   80 12 hi lo          returns hi:lo bytes of READ BINARY, 0000 means 65 536
 *   80 16 00 00          fails: SCARD_E_NOT_TRANSACTED
 *   80 18 00 00 Lc data  returns the data
 *   80 1A 00 00          returns the number of commands received, this one included: 4 bytes, big-endian
 *   80 1C hi lo          prepares hi:lo bytes for GET RESPONSE, 0000 means 65 536, and returns 61xx
 *   80 1E 00 nn Le       returns nn bytes if Le is nn (00 means 256), otherwise 6Cnn
 * A command of fewer than 4 bytes fails like 80 16. If the length fields do not match the length of the command, the
 * status word is 6700. If bit 5 of the class (10) is set, the data is kept for the next command (chaining, ISO/IEC
 * 7816-4, 5.3.3).
 */
#include "answering_card.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "apdu.h"
#include "card_access.h"
#include "random_numbers.h"

enum { CHAINING_BIT = 0x10, MAX_CHAIN = 65535 };
enum {
    SW_SUCCESS = 0x9000,
    SW_BYTES_LEFT = 0x6100,
    SW_WRONG_LENGTH = 0x6700,
    SW_CONDITIONS_NOT_SATISFIED = 0x6985,
    SW_FILE_NOT_FOUND = 0x6A82,
    SW_INCORRECT_P1_P2 = 0x6A86,
    SW_WRONG_LE = 0x6C00,
    SW_INSTRUCTION_NOT_SUPPORTED = 0x6D00,
    SW_CLASS_NOT_SUPPORTED = 0x6E00
};

/* The highest offset (15 bits) plus the longest response, so that READ BINARY is one memcpy. */
enum { FILE_SIZE = 0x8000 + 0x10000 };
static unsigned char file[FILE_SIZE];
static pthread_once_t file_once = PTHREAD_ONCE_INIT;

struct answering_card {
    struct card card; /* the first member, so that a pointer to it points to the whole struct */
    struct random_numbers random;
    uint32_t command_count;
    size_t prepared, fetched; /* bytes for GET RESPONSE, and how many of them it has returned */
    unsigned char chain_header[APDU_HEADER_SIZE];
    unsigned char *chain; /* data so far, or NULL */
    size_t chain_length;
};

struct command {
    unsigned char cla, ins, p1, p2;
    const unsigned char *data;
    size_t lc;
    size_t le; /* 0: no Le field */
};

/* The buffer for the response, and the length of the response data, which may be more than fits. */
struct response {
    unsigned char *bytes;
    size_t room;
    size_t length;
};

static void fill_file(void)
{
    for (uint32_t i = 0; i < FILE_SIZE; i++)
        file[i] = (unsigned char)(i ^ (i >> 8));
}

/* Returns false if the length fields do not match the length. */
static bool parse(const unsigned char *bytes, size_t length, struct command *command)
{
    struct apdu apdu;
    if (!apdu_parse(bytes, length, &apdu))
        return false;
    *command = (struct command){bytes[0], bytes[1], bytes[2], bytes[3], apdu.data, apdu.lc, apdu.le};
    return true;
}

/* Set the length of the response data. Returns the place for it, or NULL if it does not fit. */
static unsigned char *set_length(struct response *response, size_t length)
{
    response->length = length;
    return response->room >= length + 2 ? response->bytes : NULL;
}

static unsigned respond(struct response *response, const unsigned char *bytes, size_t length)
{
    unsigned char *place = set_length(response, length);
    if (place != NULL && length > 0)
        memmove(place, bytes, length);
    return SW_SUCCESS;
}

static unsigned select_file(const struct command *command)
{
    static const unsigned char master_file[] = {0x3F, 0x00};
    if (command->p1 != 0 || command->lc != sizeof master_file ||
        memcmp(command->data, master_file, sizeof master_file) != 0)
        return SW_FILE_NOT_FOUND;
    return SW_SUCCESS;
}

static unsigned read_binary(const struct command *command, struct response *response)
{
    if (command->le == 0 || command->lc != 0)
        return SW_WRONG_LENGTH;
    if (command->p1 & 0x80) /* P1 contains a short file identifier */
        return SW_INCORRECT_P1_P2;
    return respond(response, file + ((size_t)command->p1 << 8 | command->p2), command->le);
}

static unsigned get_challenge(struct answering_card *self, const struct command *command, struct response *response)
{
    if (command->le == 0 || command->lc != 0)
        return SW_WRONG_LENGTH;
    unsigned char *place = set_length(response, command->le);
    if (place != NULL)
        random_bytes(&self->random, place, command->le);
    return SW_SUCCESS;
}

static unsigned status_word_for_rest(const struct answering_card *self)
{
    size_t left = self->prepared - self->fetched;
    if (left == 0)
        return SW_SUCCESS;
    return SW_BYTES_LEFT | (left < 0x100 ? (unsigned)left : 0);
}

static unsigned get_response(struct answering_card *self, const struct command *command, struct response *response)
{
    size_t left = self->prepared - self->fetched;
    if (command->le == 0 || command->lc != 0)
        return SW_WRONG_LENGTH;
    if (left == 0)
        return SW_CONDITIONS_NOT_SATISFIED;
    if (command->le > left)
        return SW_WRONG_LE | (left & 0xFF);
    respond(response, file + self->fetched, command->le);
    self->fetched += command->le;
    return status_word_for_rest(self);
}

static unsigned respond_command_count(const struct answering_card *self, struct response *response)
{
    unsigned char count[4];
    for (unsigned i = 0; i < sizeof count; i++)
        count[i] = (unsigned char)(self->command_count >> (24 - 8 * i));
    return respond(response, count, sizeof count);
}

static unsigned respond_if_le_matches(const struct command *command, struct response *response)
{
    size_t length = command->p2 != 0 ? command->p2 : 0x100;
    if (command->le != length)
        return SW_WRONG_LE | command->p2;
    return respond(response, file, length);
}

/* Returns the status word, or 0 if the exchange fails. */
static unsigned run(struct answering_card *self, const struct command *command, struct response *response)
{
    size_t number = (size_t)command->p1 << 8 | command->p2;
    switch ((unsigned)command->cla << 8 | command->ins) {
    case 0x00B0:
        return read_binary(command, response);
    case 0x0084:
        return get_challenge(self, command, response);
    case 0x00A4:
        return select_file(command);
    case 0x00C0:
        return get_response(self, command, response);
    case 0x8010:
        return card_pause(&self->card, (DWORD)number * 1000) ? SW_SUCCESS : 0;
    case 0x8012:
        return respond(response, file, number != 0 ? number : 0x10000);
    case 0x8016:
        return 0;
    case 0x8018:
        return respond(response, command->data, command->lc);
    case 0x801A:
        return respond_command_count(self, response);
    case 0x801C:
        self->prepared = number != 0 ? number : 0x10000;
        return status_word_for_rest(self);
    case 0x801E:
        return respond_if_le_matches(command, response);
    default:
        return command->cla == 0x00 || command->cla == 0x80 ? SW_INSTRUCTION_NOT_SUPPORTED : SW_CLASS_NOT_SUPPORTED;
    }
}

static void free_chain(struct answering_card *self)
{
    free(self->chain);
    self->chain = NULL;
    self->chain_length = 0;
}

static bool continues_chain(const struct answering_card *self, const struct command *command)
{
    const unsigned char *header = self->chain_header;
    return self->chain != NULL && (command->cla & ~CHAINING_BIT) == header[0] && command->ins == header[1] &&
           command->p1 == header[2] && command->p2 == header[3];
}

/* Append the data of a command to the chain. */
static unsigned append_to_chain(struct answering_card *self, const struct command *command)
{
    if (command->lc == 0 || self->chain_length + command->lc > MAX_CHAIN) {
        free_chain(self);
        return SW_WRONG_LENGTH;
    }
    unsigned char *chain = realloc(self->chain, self->chain_length + command->lc);
    if (chain == NULL) {
        free_chain(self);
        return 0;
    }
    memcpy(chain + self->chain_length, command->data, command->lc);
    self->chain = chain;
    self->chain_length += command->lc;
    const unsigned char header[APDU_HEADER_SIZE] = {command->cla & (unsigned char)~CHAINING_BIT, command->ins,
                                                    command->p1, command->p2};
    memcpy(self->chain_header, header, sizeof header);
    return SW_SUCCESS;
}

static void reset(struct card *card)
{
    struct answering_card *self = (struct answering_card *)card;
    self->prepared = self->fetched = 0;
    free_chain(self);
}

/* Run a command, or the whole chain that it ends. */
static unsigned run_or_chain(struct answering_card *self, struct command *command, struct response *response)
{
    if (self->chain != NULL && !continues_chain(self, command))
        free_chain(self);
    if (self->chain == NULL && !(command->cla & CHAINING_BIT))
        return run(self, command, response);

    bool is_last = !(command->cla & CHAINING_BIT);
    unsigned sw = SW_SUCCESS;
    if (!is_last || command->lc > 0)
        sw = append_to_chain(self, command);
    if (!is_last || sw != SW_SUCCESS)
        return sw;
    command->data = self->chain;
    command->lc = self->chain_length;
    sw = run(self, command, response);
    free_chain(self);
    return sw;
}

static int64_t transmit(struct card *card, const unsigned char *bytes, size_t length, unsigned char *response_bytes,
                        size_t room)
{
    struct answering_card *self = (struct answering_card *)card;
    struct response response = {.bytes = response_bytes, .room = room};
    struct command command;
    self->command_count++;
    unsigned sw = length < APDU_HEADER_SIZE ? 0 : SW_WRONG_LENGTH;
    bool is_command = parse(bytes, length, &command);
    if (!is_command)
        reset(card);
    else if (command.ins != 0xC0)
        self->prepared = self->fetched = 0;
    if (is_command)
        sw = run_or_chain(self, &command, &response);
    if (sw == 0)
        return -(int64_t)SCARD_E_NOT_TRANSACTED;
    if (room >= response.length + 2) {
        response_bytes[response.length] = (unsigned char)(sw >> 8);
        response_bytes[response.length + 1] = (unsigned char)sw;
    }
    return (int64_t)response.length + 2;
}

static void release(struct card *card)
{
    reset(card);
    free(card);
}

struct card *answering_card_new(const unsigned char *atr, size_t atr_length)
{
    /* TS: direct convention; T0: eight historical bytes; TD1: T=0; TD2: T=1; the XOR of all bytes but TS is zero. */
    static const unsigned char own_atr[] = {0x3B, 0x88, 0x80, 0x01, 's', 'c', 'a', 'r', 'd', 'f', 'f', 'i', 0x07};
    struct answering_card *self =
        card_new(sizeof *self, atr != NULL ? atr : own_atr, atr != NULL ? atr_length : sizeof own_atr);
    if (self == NULL)
        return NULL;
    self->card.transmit = transmit;
    self->card.reset = reset;
    self->card.release = release;
    random_init(&self->random);
    pthread_once(&file_once, fill_file);
    return &self->card;
}
