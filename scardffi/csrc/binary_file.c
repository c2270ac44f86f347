/* READ BINARY and UPDATE BINARY over a whole transparent file (ISO/IEC 7816-4, clause 11.2).
 *
 * Offsets below 0x8000 are "near": they fit in P1-P2. Larger offsets are "far": then offset and data are in data
 * objects. */
#include "binary_file.h"

#include <stdlib.h>
#include <string.h>

#include "wipe.h"

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
    size_t most;   /* the maximum number of bytes that the command may move, including data objects */
    size_t wanted; /* bytes that it requests */
    size_t moved;  /* bytes that it moves; a read knows them from the response */
    size_t command_length;
    unsigned char *response; /* in the caller's memory, or `scratch` */
    size_t capacity;
    unsigned sw;
};

/* The two kinds of transfer. */
struct transfer {
    void (*build)(struct chunk *chunk, unsigned char *command, unsigned char *scratch);
    int64_t (*finish)(struct chunk *chunk, size_t received); /* returns 0 or a failure */
    unsigned flow;
    size_t short_most;    /* bytes that a short command moves at most */
    size_t extended_most; /* bytes that an extended command moves at most */
    bool is_read;
};

struct binary_file {
    scardffi_manage *manage;
    const struct transfer *transfer;
    unsigned char *memory;
    size_t size;
    size_t offset;
    size_t most;
    size_t done;
    unsigned sw; /* the last one */
    bool is_finished;
    bool is_malformed; /* a whole response arrived that cannot be used */
    bool in_command;   /* the response to the chunk's command is not complete */
    struct chunk chunk;
    struct flow flow;
    const unsigned char *partial; /* after a failure: the bytes that the card sent last and `done` does not count */
    size_t partial_length;
    size_t scratch_used;
    unsigned char command[EXTENDED_HEADER + UPDATE_OBJECTS + EXTENDED_UPDATE];
    unsigned char scratch[FLOW_ROOM];
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Receive the response directly in the caller's memory, or in `scratch`, which has room for any response. */
static void choose_response(struct chunk *chunk, bool in_place, unsigned char *scratch)
{
    chunk->response = in_place ? chunk->memory : scratch;
    chunk->capacity = in_place ? chunk->size : FLOW_ROOM;
}

/* Read with the offset in P1-P2, directly into `memory` if the status word fits there after the data. */
static void build_near_read(struct chunk *chunk, unsigned char *command, unsigned char *scratch)
{
    size_t wanted = smaller(smaller(chunk->size, chunk->most), NEAR_END - chunk->offset);
    if (wanted > SHORT_READ)
        wanted = smaller(wanted, chunk->size - APDU_SW_SIZE); /* another command reads the last two bytes */
    choose_response(chunk, chunk->size >= wanted + APDU_SW_SIZE, scratch);
    chunk->wanted = wanted;
    command[1] = INS_READ;
    command[2] = (unsigned char)(chunk->offset >> 8);
    command[3] = (unsigned char)chunk->offset;
    chunk->command_length =
        APDU_HEADER_SIZE + apdu_put_le(command + APDU_HEADER_SIZE, wanted, wanted > SHORT_READ, false);
}

/* The card returned `length` bytes of data, which is more than the caller's memory has, or more than was requested. */
static int64_t too_long(const struct chunk *chunk, size_t length)
{
    return length > chunk->size ? transmit_failure(SCARD_E_INSUFFICIENT_BUFFER, length)
                                : transmit_failure(SCARDFFI_E_FAIL, 0);
}

static int64_t finish_near_read(struct chunk *chunk, size_t received)
{
    size_t length = received - APDU_SW_SIZE;
    if (length > chunk->wanted)
        return too_long(chunk, length);
    chunk->moved = length;
    if (chunk->response != chunk->memory)
        memcpy(chunk->memory, chunk->response, length);
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
static void build_far_read(struct chunk *chunk, unsigned char *command, unsigned char *scratch)
{
    bool in_place = chunk->most > SHORT_READ && chunk->size > SHORT_FAR_READ + READ_OBJECT + APDU_SW_SIZE;
    if (in_place)
        chunk->wanted = smaller(chunk->size - APDU_SW_SIZE, chunk->most) - READ_OBJECT;
    else if (chunk->most >= SHORT_READ)
        chunk->wanted = smaller(chunk->size, SHORT_FAR_READ);
    else
        chunk->wanted = smaller(chunk->size, chunk->most > READ_OBJECT ? chunk->most - READ_OBJECT : 1);
    choose_response(chunk, in_place, scratch);
    size_t le = chunk->wanted + object_header(chunk->wanted), length = APDU_HEADER_SIZE;
    bool extended = le > SHORT_READ;
    command[1] = INS_READ_FAR;
    length += apdu_put_lc(command + length, OFFSET_OBJECT, extended);
    length += put_offset(command + length, chunk->offset);
    length += apdu_put_le(command + length, le, extended, true);
    chunk->command_length = length;
}

static int64_t finish_far_read(struct chunk *chunk, size_t received)
{
    if (received == APDU_SW_SIZE)
        return 0;
    const unsigned char *content = find_content(chunk->response, received - APDU_SW_SIZE, &chunk->moved);
    if (content == NULL)
        return transmit_failure(SCARDFFI_E_FAIL, 0);
    if (chunk->moved > chunk->size)
        return too_long(chunk, chunk->moved);
    memmove(chunk->memory, content, chunk->moved);
    return 0;
}

static void build_read(struct chunk *chunk, unsigned char *command, unsigned char *scratch)
{
    if (chunk->offset < NEAR_END)
        build_near_read(chunk, command, scratch);
    else
        build_far_read(chunk, command, scratch);
}

static int64_t finish_read(struct chunk *chunk, size_t received)
{
    return chunk->offset < NEAR_END ? finish_near_read(chunk, received) : finish_far_read(chunk, received);
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

static void build_update(struct chunk *chunk, unsigned char *command, unsigned char *scratch)
{
    bool is_near = chunk->offset < NEAR_END;
    size_t most_objects = is_near ? 0 : UPDATE_OBJECTS;
    chunk->moved = smaller(chunk->size, chunk->most > most_objects ? chunk->most - most_objects : 1);
    if (is_near)
        chunk->moved = smaller(chunk->moved, NEAR_END - chunk->offset);
    choose_response(chunk, false, scratch);

    unsigned char objects[UPDATE_OBJECTS];
    size_t objects_size = 0;
    if (is_near) {
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
    chunk->command_length = length + lc;
}

static int64_t finish_update(struct chunk *chunk, size_t received)
{
    (void)chunk;
    (void)received;
    return 0;
}

static const struct transfer transfers[] = {
    {build_update, finish_update, SCARDFFI_FLOW_GET_RESPONSE, SHORT_UPDATE, EXTENDED_UPDATE, false},
    {build_read, finish_read, SCARDFFI_FLOW_GET_RESPONSE | SCARDFFI_FLOW_CORRECT_LE, SHORT_READ, EXTENDED_READ, true},
};

/* True if a read has reached the end of the file: no data, a warning, or an offset outside the file after some data. */
static bool is_end(const struct chunk *chunk, size_t done)
{
    return (chunk->sw == SW_SUCCESS && chunk->moved == 0) || chunk->sw == SW_END_OF_FILE ||
           (chunk->sw == SW_OFFSET_OUTSIDE && done > 0);
}

/* Build the command of the next chunk and begin its flow. */
static void begin_chunk(struct binary_file *file, const struct card_handle *card)
{
    const struct transfer *transfer = file->transfer;
    bool has_extended = card->protocol != SCARD_PROTOCOL_UNDEFINED && card->protocol != SCARD_PROTOCOL_T0;
    struct chunk *chunk = &file->chunk;
    *chunk = (struct chunk){
        .memory = file->memory + file->done,
        .size = file->size - file->done,
        .offset = file->offset + file->done,
        .most = has_extended ? file->most : smaller(file->most, transfer->short_most),
    };
    memset(file->command, 0, APDU_HEADER_SIZE);
    transfer->build(chunk, file->command, file->scratch);
    bool in_scratch = chunk->response == file->scratch;
    size_t limit = in_scratch ? MAX_BUFFER_SIZE_EXTENDED : chunk->capacity;
    flow_begin(&file->flow, file->manage, transfer->flow, file->command, chunk->command_length, chunk->response,
               chunk->capacity, limit);
}

/* Use a whole response of `received` bytes. Returns 0 or a failure. */
static int64_t finish_chunk(struct binary_file *file, size_t received)
{
    const struct transfer *transfer = file->transfer;
    struct chunk *chunk = &file->chunk;
    if (chunk->response == file->scratch && file->scratch_used < received)
        file->scratch_used = received;
    file->partial = chunk->response;
    file->partial_length = received;
    if (received < APDU_SW_SIZE)
        return transmit_failure(SCARDFFI_E_FAIL, 0);
    chunk->sw = apdu_status_word(chunk->response, received);
    int64_t failure = transfer->finish(chunk, received);
    file->is_malformed = failure != 0;
    if (file->is_malformed)
        return failure;
    file->partial_length = 0;
    if (chunk->sw == SW_SUCCESS || chunk->sw == SW_END_OF_FILE)
        file->done += chunk->moved;
    file->sw = transfer->is_read && is_end(chunk, file->done) ? SW_SUCCESS : chunk->sw;
    file->is_finished = chunk->sw != SW_SUCCESS || chunk->moved == 0 || file->done == file->size;
    return 0;
}

/* The response will not be complete. Data that was read with the offset in P1-P2 is part of the file and counts. */
static void give_up_chunk(struct binary_file *file)
{
    struct chunk *chunk = &file->chunk;
    size_t arrived = file->flow.arrived, rest = file->flow.rest;
    file->in_command = false;
    file->flow.arrived = file->flow.rest = 0;
    if (chunk->response == file->scratch)
        file->scratch_used = sizeof file->scratch;
    file->partial = chunk->response;
    file->partial_length = arrived + rest;
    if (file->transfer->is_read && chunk->offset < NEAR_END && arrived <= chunk->wanted) {
        memmove(chunk->memory, chunk->response, arrived);
        file->done += arrived;
        file->partial += arrived;
        file->partial_length = rest;
    }
}

/* Move the chunks one by one. The handle's lock is held. */
static int64_t run_locked(struct binary_file *file, struct card_handle *card, uint64_t deadline)
{
    while (!file->is_finished) {
        if (!file->in_command)
            begin_chunk(file, card);
        int64_t received = flow_step(&file->flow, card, deadline);
        file->in_command = received == FLOW_MORE;
        if (file->in_command)
            return FLOW_MORE;
        wipe_memory(file->command, file->chunk.command_length);
        if (received < 0) {
            give_up_chunk(file);
            return received;
        }
        int64_t failure = finish_chunk(file, (size_t)received);
        if (failure != 0)
            return failure;
        if (!file->is_finished && (platform_nanoseconds() >= deadline || manage_is_detaching(file->manage)))
            return FLOW_MORE;
    }
    return 0;
}

struct binary_file *binary_new(scardffi_manage *manage, bool is_read, unsigned char *memory, size_t size, size_t offset,
                               size_t chunk)
{
    const struct transfer *transfer = &transfers[is_read];
    if (offset >= FAR_END || size > FAR_END - offset || chunk == 0 || chunk > transfer->extended_most)
        return NULL;
    struct binary_file *file = malloc(sizeof *file);
    if (file == NULL)
        return NULL;
    memset(file, 0, offsetof(struct binary_file, command));
    file->manage = manage;
    file->transfer = transfer;
    file->memory = memory;
    file->size = size;
    file->offset = offset;
    file->most = chunk;
    file->sw = SW_SUCCESS;
    file->is_finished = size == 0;
    return file;
}

void binary_free(struct binary_file *file)
{
    if (file == NULL)
        return;
    binary_end(file);
    wipe_memory(file->scratch, file->scratch_used);
    free(file);
}

int64_t binary_step(struct binary_file *file, uint32_t milliseconds)
{
    uint64_t deadline = platform_nanoseconds() + milliseconds * 1000000ull;
    struct card_handle *card = flow_enter(&file->flow, file->manage);
    if (card == NULL) {
        binary_end(file);
        return transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
    }
    int64_t result = run_locked(file, card, deadline);
    flow_leave(&file->flow, card, file->in_command);
    return result;
}

void binary_end(struct binary_file *file)
{
    if (!file->in_command)
        return;
    flow_end(&file->flow);
    wipe_memory(file->command, file->chunk.command_length);
    give_up_chunk(file);
}

size_t binary_done(const struct binary_file *file)
{
    return file->done;
}

uint32_t binary_sw(const struct binary_file *file)
{
    return file->sw;
}

bool binary_is_refused(const struct binary_file *file)
{
    return file->flow.is_refused || file->is_malformed;
}

size_t binary_partial_length(const struct binary_file *file)
{
    return file->partial_length;
}

const unsigned char *binary_partial(const struct binary_file *file)
{
    return file->partial;
}
