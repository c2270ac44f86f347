/* READ BINARY and UPDATE BINARY over a whole transparent file. */
#include "binary_file.h"

#include <stdlib.h>
#include <string.h>

#include "apdu.h"

enum {
    INS_READ = 0xB0,        /* offset in P1-P2, up to 15 bits */
    INS_READ_FAR = 0xB1,    /* offset in a data object; the answer is wrapped in one */
    INS_UPDATE = 0xD6,
    INS_UPDATE_FAR = 0xD7,
    TAG_OFFSET = 0x54,
    TAG_DATA = 0x53,
    NEAR_END = 0x8000,
    SHORT_READ = 256,       /* the most that a short command brings */
    SHORT_UPDATE = 255,
    SHORT_FAR_READ = 250,   /* 256 less tag and length, and a little */
    READ_OBJECT = 4,        /* the longest tag and length */
    UPDATE_OBJECTS = 10,    /* the longest tags, lengths and offset */
    EXTENDED_HEADER = 7,
    FAR_END = 0x1000000,    /* offsets of three bytes */
    SW_SUCCESS = 0x9000,
    OFFSET_OBJECT = 5       /* tag, length and offset */
};

/* One exchange on a part of the file: reads into or writes from `memory`, tells how much and the status word. */
typedef int64_t (*chunk_function)(card_handle *card, unsigned char *memory, size_t size, size_t offset,
                                  size_t chunk, size_t *moved, unsigned *sw);

static size_t put_offset(unsigned char *data, size_t offset)
{
    data[0] = TAG_OFFSET;
    data[1] = 3;
    data[2] = (unsigned char)(offset >> 16);
    data[3] = (unsigned char)(offset >> 8);
    data[4] = (unsigned char)offset;
    return OFFSET_OBJECT;
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
static int64_t read_near(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                         size_t *got, unsigned *sw)
{
    unsigned char scratch[SHORT_READ + APDU_SW_SIZE];
    unsigned char command[4 + 3] = {0, INS_READ, (unsigned char)(offset >> 8), (unsigned char)offset};
    size_t wanted = size < chunk ? size : chunk, length = 4;
    int in_place;
    unsigned char *response;
    int64_t received;
    uint32_t arrived;

    if (wanted > NEAR_END - offset)
        wanted = NEAR_END - offset;
    if (wanted > SHORT_READ && wanted > size - APDU_SW_SIZE)
        wanted = size - APDU_SW_SIZE; /* in place, and two bytes are left for another */
    in_place = size >= wanted + APDU_SW_SIZE;
    response = in_place ? memory : scratch;
    length += apdu_put_le(command + length, wanted, wanted > SHORT_READ, false);
    received = flow_locked(card, FLOW_GET_RESPONSE | FLOW_CORRECT_LE, command, length, response,
                           in_place ? size : sizeof scratch, &arrived);
    if (received < 0)
        return received;
    if (received < APDU_SW_SIZE || (size_t)received > wanted + APDU_SW_SIZE)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    *sw = apdu_status_word(response, (size_t)received);
    *got = (size_t)received - APDU_SW_SIZE;
    if (!in_place)
        memcpy(memory, scratch, *got);
    return 0;
}

/* One READ BINARY with the offset in a data object; its answer, in one too, is moved to its place. */
static int64_t read_far(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                        size_t *got, unsigned *sw)
{
    unsigned char scratch[SHORT_READ + APDU_SW_SIZE];
    unsigned char command[EXTENDED_HEADER + OFFSET_OBJECT + 2] = {0, INS_READ_FAR, 0, 0};
    int long_one = chunk > SHORT_READ && size > SHORT_FAR_READ + READ_OBJECT + APDU_SW_SIZE;
    unsigned char *response = long_one ? memory : scratch;
    size_t capacity = long_one ? size : sizeof scratch, length = 4, most, wanted, le;
    const unsigned char *content;
    int64_t received;
    uint32_t arrived;

    if (long_one) {
        most = size - READ_OBJECT - APDU_SW_SIZE;
        wanted = most < chunk - READ_OBJECT ? most : chunk - READ_OBJECT;
    } else {
        most = chunk < SHORT_READ ? (chunk > READ_OBJECT ? chunk - READ_OBJECT : 1) : SHORT_FAR_READ;
        wanted = size < most ? size : most;
    }
    le = wanted + (wanted < 0x80 ? 2 : wanted < 0x100 ? 3 : READ_OBJECT);
    length += apdu_put_lc(command + length, OFFSET_OBJECT, le > SHORT_READ);
    length += put_offset(command + length, offset);
    length += apdu_put_le(command + length, le, le > SHORT_READ, true);
    received = flow_locked(card, FLOW_GET_RESPONSE | FLOW_CORRECT_LE, command, length, response, capacity, &arrived);
    if (received < 0)
        return received;
    if (received < APDU_SW_SIZE)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    *sw = apdu_status_word(response, (size_t)received);
    *got = 0;
    if (received == APDU_SW_SIZE)
        return 0;
    content = unwrap(response, (size_t)received - APDU_SW_SIZE, got);
    if (content == NULL || *got > size)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    memmove(memory, content, *got);
    return 0;
}

static int64_t read_chunk(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                          size_t *got, unsigned *sw)
{
    return (offset < NEAR_END ? read_near : read_far)(card, memory, size, offset, chunk, got, sw);
}

/* The UPDATE BINARY that carries `sent` bytes, in `command`, which has room for it; its length. */
static size_t build_update(unsigned char *command, const unsigned char *memory, size_t sent, size_t offset)
{
    unsigned char objects[UPDATE_OBJECTS];
    size_t before = 0, length = 4, lc;

    memset(command, 0, EXTENDED_HEADER);
    if (offset < NEAR_END) {
        command[1] = INS_UPDATE;
        command[2] = (unsigned char)(offset >> 8);
        command[3] = (unsigned char)offset;
    } else {
        command[1] = INS_UPDATE_FAR;
        before = put_offset(objects, offset);
        objects[before++] = TAG_DATA;
        if (sent >= 0x100) {
            objects[before++] = 0x82;
            objects[before++] = (unsigned char)(sent >> 8);
        } else if (sent >= 0x80) {
            objects[before++] = 0x81;
        }
        objects[before++] = (unsigned char)sent;
    }
    lc = before + sent;
    length += apdu_put_lc(command + length, lc, lc > SHORT_UPDATE);
    memcpy(command + length, objects, before);
    memcpy(command + length + before, memory, sent);
    return length + lc;
}

static int64_t update_chunk(card_handle *card, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                            size_t *sent, unsigned *sw)
{
    unsigned char short_one[EXTENDED_HEADER + SHORT_UPDATE], response[SHORT_READ + APDU_SW_SIZE];
    unsigned char *command = short_one;
    size_t objects = offset < NEAR_END ? 0 : UPDATE_OBJECTS, most = chunk > objects ? chunk - objects : 1, length;
    int64_t received;
    uint32_t arrived;

    if (offset < NEAR_END && most > NEAR_END - offset)
        most = NEAR_END - offset;
    *sent = size < most ? size : most;
    if (*sent + objects > SHORT_UPDATE)
        command = malloc(EXTENDED_HEADER + objects + *sent);
    if (command == NULL)
        return exchange_failure(HR_OUTOFMEMORY, 0);
    length = build_update(command, memory, *sent, offset);
    received = flow_locked(card, FLOW_GET_RESPONSE, command, length, response, sizeof response, &arrived);
    platform_wipe(command, length);
    if (command != short_one)
        free(command);
    if (received < 0)
        return received;
    if (received < APDU_SW_SIZE)
        return exchange_failure(SCARD_F_COMM_ERROR, 0);
    *sw = apdu_status_word(response, (size_t)received);
    return 0;
}

/* Whether a read has come to the file's end: no byte, warning 6282, or an offset outside. */
static int is_end(unsigned sw, size_t got, size_t done)
{
    return (sw == SW_SUCCESS && got == 0) || sw == 0x6282 || (sw == 0x6B00 && done > 0);
}

/* Chunk by chunk, until there is nothing left to do, the card refuses, or the time is over. */
static int64_t walk(scardffi_manage *manage, chunk_function move, unsigned char *memory, size_t size, size_t offset,
                    size_t chunk, uint32_t milliseconds, uint32_t *progress)
{
    size_t short_chunk = move == read_chunk ? SHORT_READ : SHORT_UPDATE;
    uint64_t deadline = platform_nanoseconds() + milliseconds * 1000000ull;
    card_handle *card;
    size_t done = 0;
    int64_t result = 0;

    memset(progress, 0, BINARY_PROGRESS * sizeof *progress);
    if (offset >= FAR_END || size > FAR_END - offset || chunk == 0 || chunk > (move == read_chunk ? 65536u : 65535u))
        return exchange_failure(HR_INVALIDARG, 0);
    card = manage_enter(manage);
    if (card == NULL)
        return exchange_failure(HR_UNEXPECTED, 0);
    progress[BINARY_SW] = SW_SUCCESS;
    progress[BINARY_FINISHED] = size == 0;
    while (!progress[BINARY_FINISHED]) {
        int extended = card->protocol != 0 && card->protocol != SCARD_PROTOCOL_T0; /* T=0 has short commands alone */
        size_t moved = 0;
        unsigned sw = 0;
        result = move(card, memory + done, size - done, offset + done,
                      extended || chunk < short_chunk ? chunk : short_chunk, &moved, &sw);
        if (result < 0)
            break;
        if (sw == SW_SUCCESS || sw == 0x6282)
            done += moved;
        progress[BINARY_SW] = move == read_chunk && is_end(sw, moved, done) ? SW_SUCCESS : sw;
        progress[BINARY_FINISHED] = sw != SW_SUCCESS || moved == 0 || done == size;
        if (platform_nanoseconds() >= deadline)
            break;
    }
    platform_mutex_unlock(&card->mutex);
    progress[BINARY_DONE] = (uint32_t)done;
    return result;
}

int64_t binary_read(scardffi_manage *manage, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                    uint32_t milliseconds, uint32_t *progress)
{
    return walk(manage, read_chunk, memory, size, offset, chunk, milliseconds, progress);
}

int64_t binary_update(scardffi_manage *manage, const unsigned char *memory, size_t size, size_t offset, size_t chunk,
                      uint32_t milliseconds, uint32_t *progress)
{
    /* update_chunk only reads */
    return walk(manage, update_chunk, (unsigned char *)(uintptr_t)memory, size, offset, chunk, milliseconds, progress);
}
