/* READ BINARY and UPDATE BINARY over a whole transparent file (ISO/IEC 7816-4, clause 11.2).
 *
 * Offsets below 0x8000 are "near": they fit in P1-P2. Larger offsets are "far": then offset and data are in data
 * objects. */
#include "binary_file.h"

#include <stdlib.h>
#include <string.h>

#include "apdu.h"

enum {
    INS_READ = 0xB0,
    INS_READ_FAR = 0xB1,
    INS_UPDATE = 0xD6,
    INS_UPDATE_FAR = 0xD7,
    TAG_OFFSET = 0x54,
    TAG_DATA = 0x53,
    NEAR_END = 0x8000,
    FAR_END = 0x1000000, /* an offset has three bytes */
    SHORT_READ = 256,    /* the maximum that a short command reads or writes */
    SHORT_UPDATE = 255,
    EXTENDED_READ = 0x10000,
    EXTENDED_UPDATE = 0xFFFF,
    SHORT_FAR_READ = 250, /* the data object then has at most 256 bytes */
    OFFSET_OBJECT = 5,    /* tag, length and offset */
    READ_OBJECT = 4,      /* the longest tag and length of the data read */
    UPDATE_OBJECTS = 10,  /* the longest tags, lengths and offset around the data written */
    EXTENDED_HEADER = 7,  /* the header and an extended Lc */
    SW_SUCCESS = 0x9000,
    SW_END_OF_FILE = 0x6282,
    SW_OFFSET_OUTSIDE = 0x6B00
};

/* The part of the file that one command reads or writes. */
struct chunk {
    unsigned char *memory;
    size_t size; /* from `memory` to the end of the caller's memory */
    size_t offset;
    size_t most;  /* the maximum number of bytes that the command may move, including data objects */
    size_t moved; /* set by the command, as is `sw` */
    unsigned sw;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Send a command. Returns the length of the response, which is at least a status word, or a failure. */
static int64_t send(struct card_handle *card, unsigned flow, const unsigned char *command, size_t length,
                    unsigned char *response, size_t capacity, struct chunk *chunk)
{
    uint32_t arrived;
    int64_t received = flow_locked(card, flow, command, length, response, capacity, &arrived);
    if (received >= 0 && received < APDU_SW_SIZE)
        return transmit_failure(SCARD_F_COMM_ERROR, 0);
    if (received > 0)
        chunk->sw = apdu_status_word(response, (size_t)received);
    return received;
}

/* Read with the offset in P1-P2, directly into `memory` if the status word fits there after the data. */
static int64_t read_near(struct card_handle *card, struct chunk *chunk)
{
    size_t wanted = smaller(smaller(chunk->size, chunk->most), NEAR_END - chunk->offset);
    if (wanted > SHORT_READ)
        wanted = smaller(wanted, chunk->size - APDU_SW_SIZE); /* another command reads the last two bytes */
    bool in_place = chunk->size >= wanted + APDU_SW_SIZE;
    unsigned char short_response[SHORT_READ + APDU_SW_SIZE];
    unsigned char *response = in_place ? chunk->memory : short_response;
    size_t capacity = in_place ? chunk->size : sizeof short_response;

    unsigned char command[APDU_HEADER_SIZE + 3] = {0, INS_READ, (unsigned char)(chunk->offset >> 8),
                                                   (unsigned char)chunk->offset};
    size_t length = APDU_HEADER_SIZE;
    length += apdu_put_le(command + length, wanted, wanted > SHORT_READ, false);
    int64_t received =
        send(card, SCARDFFI_FLOW_GET_RESPONSE | SCARDFFI_FLOW_CORRECT_LE, command, length, response, capacity, chunk);
    if (received < 0)
        return received;
    if ((size_t)received > wanted + APDU_SW_SIZE)
        return transmit_failure(SCARD_F_COMM_ERROR, 0);
    chunk->moved = (size_t)received - APDU_SW_SIZE;
    if (!in_place)
        memcpy(chunk->memory, short_response, chunk->moved);
    return 0;
}

static size_t put_offset(unsigned char *data, size_t offset)
{
    data[0] = TAG_OFFSET;
    data[1] = 3;
    data[2] = (unsigned char)(offset >> 16);
    data[3] = (unsigned char)(offset >> 8);
    data[4] = (unsigned char)offset;
    return OFFSET_OBJECT;
}

/* The size of tag and length before `size` bytes of data. */
static size_t object_header(size_t size)
{
    return size < 0x80 ? 2 : size < 0x100 ? 3 : 4;
}

/* Find the content of the data object '53' in `response`, and its length; NULL if there is no such object. */
static const unsigned char *find_content(const unsigned char *response, size_t length, size_t *content_length)
{
    if (length < 2 || response[0] != TAG_DATA)
        return NULL;
    size_t header = 2, size = response[1];
    if (size == 0x81 && length >= 3) {
        size = response[2];
        header = 3;
    } else if (size == 0x82 && length >= 4) {
        size = (size_t)response[2] << 8 | response[3];
        header = 4;
    } else if (size >= 0x80) {
        return NULL;
    }
    if (size > length - header)
        return NULL;
    *content_length = size;
    return response + header;
}

/* Read with the offset in a data object. The response has the data in an object too; it is moved to the start of
 * `memory`. */
static int64_t read_far(struct card_handle *card, struct chunk *chunk)
{
    bool in_place = chunk->most > SHORT_READ && chunk->size > SHORT_FAR_READ + READ_OBJECT + APDU_SW_SIZE;
    size_t wanted;
    if (in_place)
        wanted = smaller(chunk->size - APDU_SW_SIZE, chunk->most) - READ_OBJECT;
    else if (chunk->most >= SHORT_READ)
        wanted = smaller(chunk->size, SHORT_FAR_READ);
    else
        wanted = smaller(chunk->size, chunk->most > READ_OBJECT ? chunk->most - READ_OBJECT : 1);
    size_t le = wanted + object_header(wanted);
    bool extended = le > SHORT_READ;
    unsigned char short_response[SHORT_READ + APDU_SW_SIZE];
    unsigned char *response = in_place ? chunk->memory : short_response;
    size_t capacity = in_place ? chunk->size : sizeof short_response;

    unsigned char command[EXTENDED_HEADER + OFFSET_OBJECT + 2] = {0, INS_READ_FAR, 0, 0};
    size_t length = APDU_HEADER_SIZE;
    length += apdu_put_lc(command + length, OFFSET_OBJECT, extended);
    length += put_offset(command + length, chunk->offset);
    length += apdu_put_le(command + length, le, extended, true);
    int64_t received =
        send(card, SCARDFFI_FLOW_GET_RESPONSE | SCARDFFI_FLOW_CORRECT_LE, command, length, response, capacity, chunk);
    if (received <= APDU_SW_SIZE)
        return received < 0 ? received : 0;
    const unsigned char *content = find_content(response, (size_t)received - APDU_SW_SIZE, &chunk->moved);
    if (content == NULL || chunk->moved > chunk->size)
        return transmit_failure(SCARD_F_COMM_ERROR, 0);
    memmove(chunk->memory, content, chunk->moved);
    return 0;
}

static int64_t read_chunk(struct card_handle *card, struct chunk *chunk)
{
    return chunk->offset < NEAR_END ? read_near(card, chunk) : read_far(card, chunk);
}

/* Write the tags, the lengths and the offset that come before the data. Returns their size. */
static size_t put_update_objects(unsigned char *objects, size_t offset, size_t data_length)
{
    size_t size = put_offset(objects, offset);
    objects[size++] = TAG_DATA;
    if (data_length >= 0x100) {
        objects[size++] = 0x82;
        objects[size++] = (unsigned char)(data_length >> 8);
    } else if (data_length >= 0x80) {
        objects[size++] = 0x81;
    }
    objects[size++] = (unsigned char)data_length;
    return size;
}

/* Write the command that updates chunk->moved bytes. Returns its length. */
static size_t build_update(unsigned char *command, const struct chunk *chunk)
{
    unsigned char objects[UPDATE_OBJECTS];
    size_t objects_size = 0;
    memset(command, 0, APDU_HEADER_SIZE);
    if (chunk->offset < NEAR_END) {
        command[1] = INS_UPDATE;
        command[2] = (unsigned char)(chunk->offset >> 8);
        command[3] = (unsigned char)chunk->offset;
    } else {
        command[1] = INS_UPDATE_FAR;
        objects_size = put_update_objects(objects, chunk->offset, chunk->moved);
    }
    size_t lc = objects_size + chunk->moved, length = APDU_HEADER_SIZE;
    length += apdu_put_lc(command + length, lc, lc > SHORT_UPDATE);
    memcpy(command + length, objects, objects_size);
    memcpy(command + length + objects_size, chunk->memory, chunk->moved);
    return length + lc;
}

static int64_t update_chunk(struct card_handle *card, struct chunk *chunk)
{
    bool is_near = chunk->offset < NEAR_END;
    size_t objects = is_near ? 0 : UPDATE_OBJECTS;
    chunk->moved = smaller(chunk->size, chunk->most > objects ? chunk->most - objects : 1);
    if (is_near)
        chunk->moved = smaller(chunk->moved, NEAR_END - chunk->offset);

    unsigned char short_command[EXTENDED_HEADER + SHORT_UPDATE], response[SHORT_READ + APDU_SW_SIZE];
    bool is_short = chunk->moved + objects <= SHORT_UPDATE;
    unsigned char *command = is_short ? short_command : malloc(EXTENDED_HEADER + objects + chunk->moved);
    if (command == NULL)
        return transmit_failure(SCARDFFI_E_OUTOFMEMORY, 0);
    size_t length = build_update(command, chunk);
    int64_t received = send(card, SCARDFFI_FLOW_GET_RESPONSE, command, length, response, sizeof response, chunk);
    platform_wipe(command, length);
    if (!is_short)
        free(command);
    return received < 0 ? received : 0;
}

/* The two kinds of transfer. */
struct transfer {
    int64_t (*move)(struct card_handle *card, struct chunk *chunk);
    size_t short_most;    /* bytes that a short command moves at most */
    size_t extended_most; /* bytes that an extended command moves at most */
    bool is_read;
};
static const struct transfer read_transfer = {read_chunk, SHORT_READ, EXTENDED_READ, true};
static const struct transfer update_transfer = {update_chunk, SHORT_UPDATE, EXTENDED_UPDATE, false};

/* True if a read has reached the end of the file: no data, a warning, or an offset outside the file after some data. */
static bool is_end(const struct chunk *chunk, size_t done)
{
    return (chunk->sw == SW_SUCCESS && chunk->moved == 0) || chunk->sw == SW_END_OF_FILE ||
           (chunk->sw == SW_OFFSET_OUTSIDE && done > 0);
}

/* Move the chunks one by one. The handle's lock is held. */
static int64_t run_locked(const struct transfer *transfer, struct card_handle *card, unsigned char *memory, size_t size,
                          size_t offset, size_t most, uint64_t deadline, uint32_t *progress)
{
    size_t done = 0;
    int64_t result = 0;
    progress[BINARY_SW] = SW_SUCCESS;
    progress[BINARY_FINISHED] = size == 0;
    while (!progress[BINARY_FINISHED]) {
        bool has_extended = card->protocol != SCARD_PROTOCOL_UNDEFINED && card->protocol != SCARD_PROTOCOL_T0;
        struct chunk chunk = {
            .memory = memory + done,
            .size = size - done,
            .offset = offset + done,
            .most = has_extended ? most : smaller(most, transfer->short_most),
        };
        result = transfer->move(card, &chunk);
        if (result < 0)
            break;
        if (chunk.sw == SW_SUCCESS || chunk.sw == SW_END_OF_FILE)
            done += chunk.moved;
        progress[BINARY_SW] = transfer->is_read && is_end(&chunk, done) ? SW_SUCCESS : chunk.sw;
        progress[BINARY_FINISHED] = chunk.sw != SW_SUCCESS || chunk.moved == 0 || done == size;
        if (platform_nanoseconds() >= deadline)
            break;
    }
    progress[BINARY_DONE] = (uint32_t)done;
    return result;
}

static int64_t run(const struct transfer *transfer, scardffi_manage *manage, unsigned char *memory, size_t size,
                   size_t offset, size_t most, uint32_t milliseconds, uint32_t *progress)
{
    memset(progress, 0, BINARY_PROGRESS * sizeof *progress);
    if (offset >= FAR_END || size > FAR_END - offset || most == 0 || most > transfer->extended_most)
        return transmit_failure(SCARDFFI_E_INVALIDARG, 0);
    uint64_t deadline = platform_nanoseconds() + milliseconds * 1000000ull;
    struct card_handle *card = manage_enter(manage);
    if (card == NULL)
        return transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
    int64_t result = run_locked(transfer, card, memory, size, offset, most, deadline, progress);
    platform_mutex_unlock(&card->mutex);
    return result;
}

int64_t binary_read(scardffi_manage *manage, unsigned char *memory, size_t size, size_t offset, size_t chunk,
                    uint32_t milliseconds, uint32_t *progress)
{
    return run(&read_transfer, manage, memory, size, offset, chunk, milliseconds, progress);
}

int64_t binary_update(scardffi_manage *manage, const unsigned char *memory, size_t size, size_t offset, size_t chunk,
                      uint32_t milliseconds, uint32_t *progress)
{
    /* update_chunk only reads the memory */
    return run(&update_transfer, manage, (unsigned char *)(uintptr_t)memory, size, offset, chunk, milliseconds,
               progress);
}
