/* READ BINARY and UPDATE BINARY over a whole transparent file. */
#include "binary_file.h"

#include <string.h>

enum {
    INS_READ = 0xB0,        /* offset in P1-P2, up to 15 bits */
    INS_READ_FAR = 0xB1,    /* offset in a data object; the answer is wrapped in one */
    INS_UPDATE = 0xD6,
    INS_UPDATE_FAR = 0xD7,
    TAG_OFFSET = 0x54,
    TAG_DATA = 0x53,
    NEAR_END = 0x8000,
    READ_CHUNK = 256,
    UPDATE_CHUNK = 255,
    FAR_READ_CHUNK = 250,   /* 256 less tag and length, and a little */
    FAR_UPDATE_CHUNK = 245, /* 255 less both tags, lengths and the offset */
    FAR_END = 0x1000000,    /* offsets of three bytes */
    SW_SUCCESS = 0x9000,
    STATUS_WORD = 2
};

/* One exchange on a part of the file: reads into or writes from `memory`, tells how much and the status word. */
typedef int64_t (*chunk_function)(card_handle *card, unsigned char *memory, size_t size, size_t offset,
                                  size_t *moved, unsigned *sw);

static unsigned status_word(const unsigned char *response, int64_t length)
{
    return (unsigned)response[length - 2] << 8 | response[length - 1];
}

static size_t put_offset(unsigned char *data, size_t offset)
{
    data[0] = TAG_OFFSET;
    data[1] = 3;
    data[2] = (unsigned char)(offset >> 16);
    data[3] = (unsigned char)(offset >> 8);
    data[4] = (unsigned char)offset;
    return 5;
}

/* The content of the data object '53' in `answer`; its start, or NULL where there is none. */
static const unsigned char *unwrap(const unsigned char *answer, size_t length, size_t *content)
{
    size_t header = 2, size;

    if (length < 2 || answer[0] != TAG_DATA)
        return NULL;
    size = answer[1];
    if (size == 0x81 && length >= 3) {
        size = answer[2];
        header = 3;
    } else if (size == 0x82 && length >= 4) {
        size = (size_t)answer[2] << 8 | answer[3];
        header = 4;
    } else if (size >= 0x80) {
        return NULL;
    }
    if (size > length - header)
        return NULL;
    *content = size;
    return answer + header;
}

/* One READ BINARY with the offset in P1-P2, in place where the status word has room behind the data. */
static int64_t read_near(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t *got,
                         unsigned *sw)
{
    unsigned char scratch[READ_CHUNK + STATUS_WORD];
    size_t wanted = size < READ_CHUNK ? size : READ_CHUNK;
    unsigned char command[5] = {0, INS_READ, (unsigned char)(offset >> 8), (unsigned char)offset, 0};
    int in_place;
    unsigned char *response;
    int64_t received;
    uint32_t arrived;

    if (wanted > NEAR_END - offset)
        wanted = NEAR_END - offset;
    in_place = size >= wanted + STATUS_WORD;
    response = in_place ? memory : scratch;
    command[4] = (unsigned char)wanted; /* 256 is 0 */
    received = flow_locked(card, FLOW_GET_RESPONSE | FLOW_CORRECT_LE, command, sizeof command, response,
                           in_place ? size : sizeof scratch, &arrived);
    if (received < 0)
        return received;
    if (received < STATUS_WORD || (size_t)received > wanted + STATUS_WORD)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    *sw = status_word(response, received);
    *got = (size_t)received - STATUS_WORD;
    if (!in_place)
        memcpy(memory, scratch, *got);
    return 0;
}

static int64_t read_far(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t *got,
                        unsigned *sw)
{
    unsigned char response[READ_CHUNK + STATUS_WORD];
    unsigned char command[11] = {0, INS_READ_FAR, 0, 0, 5};
    size_t wanted = size < FAR_READ_CHUNK ? size : FAR_READ_CHUNK;
    const unsigned char *content;
    int64_t received;
    uint32_t arrived;

    put_offset(command + 5, offset);
    command[10] = (unsigned char)(wanted + (wanted < 0x80 ? 2 : 3));
    received = flow_locked(card, FLOW_GET_RESPONSE | FLOW_CORRECT_LE, command, sizeof command, response,
                           sizeof response, &arrived);
    if (received < 0)
        return received;
    if (received < STATUS_WORD)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    *sw = status_word(response, received);
    *got = 0;
    if (received == STATUS_WORD)
        return 0;
    content = unwrap(response, (size_t)received - STATUS_WORD, got);
    if (content == NULL || *got > size)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    memcpy(memory, content, *got);
    return 0;
}

static int64_t read_chunk(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t *got,
                          unsigned *sw)
{
    return (offset < NEAR_END ? read_near : read_far)(card, memory, size, offset, got, sw);
}

static int64_t update_chunk(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t *sent,
                            unsigned *sw)
{
    unsigned char command[5 + UPDATE_CHUNK], response[READ_CHUNK + STATUS_WORD];
    size_t length = 5;
    int64_t received;
    uint32_t arrived;

    memset(command, 0, 5);
    if (offset < NEAR_END) {
        *sent = size < UPDATE_CHUNK ? size : UPDATE_CHUNK;
        if (*sent > NEAR_END - offset)
            *sent = NEAR_END - offset;
        command[1] = INS_UPDATE;
        command[2] = (unsigned char)(offset >> 8);
        command[3] = (unsigned char)offset;
    } else {
        *sent = size < FAR_UPDATE_CHUNK ? size : FAR_UPDATE_CHUNK;
        command[1] = INS_UPDATE_FAR;
        length += put_offset(command + length, offset);
        command[length++] = TAG_DATA;
        if (*sent >= 0x80)
            command[length++] = 0x81;
        command[length++] = (unsigned char)*sent;
    }
    memcpy(command + length, memory, *sent);
    length += *sent;
    command[4] = (unsigned char)(length - 5);
    received = flow_locked(card, FLOW_GET_RESPONSE, command, length, response, sizeof response, &arrived);
    platform_wipe(command, sizeof command);
    if (received < 0)
        return received;
    if (received < STATUS_WORD)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    *sw = status_word(response, received);
    return 0;
}

/* Whether a read has come to the file's end: no byte, warning 6282, or an offset outside. */
static int is_end(unsigned sw, size_t got, size_t done)
{
    return (sw == SW_SUCCESS && got == 0) || sw == 0x6282 || (sw == 0x6B00 && done > 0);
}

/* Chunk by chunk, until there is nothing left to do, the card refuses, or the time is over. */
static int64_t walk(scard_manage *manage, chunk_function chunk, unsigned char *memory, size_t size, size_t offset,
                    uint32_t milliseconds, uint32_t *progress)
{
    uint64_t deadline = platform_nanoseconds() + milliseconds * 1000000ull;
    card_handle *card;
    size_t done = 0;
    int64_t result = 0;

    memset(progress, 0, BINARY_PROGRESS * sizeof *progress);
    if (offset >= FAR_END || size > FAR_END - offset)
        return exchange_failure(HR_INVALIDARG, 0);
    card = manage_enter(manage);
    if (card == NULL)
        return exchange_failure(HR_UNEXPECTED, 0);
    progress[BINARY_SW] = SW_SUCCESS;
    progress[BINARY_FINISHED] = size == 0;
    while (!progress[BINARY_FINISHED]) {
        size_t moved = 0;
        unsigned sw = 0;
        result = chunk(card, memory + done, size - done, offset + done, &moved, &sw);
        if (result < 0)
            break;
        if (sw == SW_SUCCESS || sw == 0x6282)
            done += moved;
        progress[BINARY_SW] = chunk == read_chunk && is_end(sw, moved, done) ? SW_SUCCESS : sw;
        progress[BINARY_FINISHED] = sw != SW_SUCCESS || moved == 0 || done == size;
        if (platform_nanoseconds() >= deadline)
            break;
    }
    platform_mutex_unlock(&card->mutex);
    progress[BINARY_DONE] = (uint32_t)done;
    return result;
}

int64_t binary_read(scard_manage *manage, unsigned char *memory, size_t size, size_t offset,
                    uint32_t milliseconds, uint32_t *progress)
{
    return walk(manage, read_chunk, memory, size, offset, milliseconds, progress);
}

int64_t binary_update(scard_manage *manage, const unsigned char *memory, size_t size, size_t offset,
                      uint32_t milliseconds, uint32_t *progress)
{
    /* update_chunk only reads */
    return walk(manage, update_chunk, (unsigned char *)(uintptr_t)memory, size, offset, milliseconds, progress);
}
