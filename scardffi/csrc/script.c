/* A script: many commands, packed once and run in one call. */
#include "script.h"

#include <stdlib.h>
#include <string.h>

#include "wipe.h"

/* While commands take less than FAST_NANOSECONDS each, the clock is read only after FAST_COUNT commands. */
enum { FAST_COUNT = 64, FAST_NANOSECONDS = 1000 };

/* The arena's bytes beyond the room for the longest response, so that it does not grow for each short reply. */
enum { SMALL_REPLIES = 4096 };

/* Beyond that, a placed run has room for the longest responses to short commands, but at most MANY_REPLIES bytes.
 * Memory that no reply uses costs nothing: the operating system provides a page when it is written to. */
enum { SHORT_REPLY = 256 + APDU_SW_SIZE, MANY_REPLIES = 4 << 20 };

/* The status words that a command may have: pairs of expected value and mask. Without pairs, every status word is
 * expected. */
struct expectation {
    uint32_t first;
    uint32_t count;
};

struct scardffi_script {
    size_t count;
    size_t size;
    unsigned flow;
    unsigned char *packed;
    uint32_t *lengths;                /* of the commands */
    struct expectation *expectations; /* of each command; NULL if no command has one */
    uint16_t *values;                 /* expected status words */
    uint16_t *masks;                  /* the mask for each of them */
    uint32_t pairs;
};

struct scardffi_run {
    const scardffi_script *script;
    scardffi_manage *manage;
    uint64_t repeat; /* passes that are left, including the current one */
    uint64_t executed;
    bool keep_all;
    bool timed;
    bool is_fixed;   /* the arena belongs to the caller, and does not grow */
    bool in_command; /* the response of the command at `index` is not complete */
    int64_t failure;
    uint64_t last;     /* the time when the last command ended */
    size_t index;      /* of the next command */
    size_t position;   /* of that command in the packed commands */
    size_t count;      /* of kept replies */
    size_t room;       /* replies that `offsets` and `elapsed` have room for */
    size_t reply_room; /* free bytes of the arena before a command is sent */
    size_t arena_size;
    unsigned char *arena;
    size_t *offsets;
    uint64_t *elapsed;
    struct flow flow;
};

scardffi_script *script_new(size_t count, const unsigned char *packed, const uint32_t *lengths, unsigned flow)
{
    scardffi_script *script = calloc(1, sizeof *script);
    if (script == NULL)
        return NULL;
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += lengths[i];
    script->packed = malloc(size > 0 ? size : 1);
    script->lengths = calloc(count > 0 ? count : 1, sizeof *script->lengths);
    if (script->packed == NULL || script->lengths == NULL) {
        script_free(script);
        return NULL;
    }
    memcpy(script->packed, packed, size);
    memcpy(script->lengths, lengths, count * sizeof *lengths);
    script->size = size;
    script->count = count;
    script->flow = flow;
    return script;
}

void script_free(scardffi_script *script)
{
    if (script == NULL)
        return;
    if (script->packed != NULL)
        wipe_memory(script->packed, script->size);
    free(script->packed);
    free(script->lengths);
    free(script->expectations);
    free(script->values);
    free(script->masks);
    free(script);
}

/* Append to an array of `count` numbers. Returns false if memory is exhausted. */
static bool append(uint16_t **array, size_t count, const uint16_t *added, size_t added_count)
{
    uint16_t *grown = realloc(*array, (count + added_count) * sizeof *grown);
    if (grown == NULL)
        return false;
    memcpy(grown + count, added, added_count * sizeof *grown);
    *array = grown;
    return true;
}

bool script_expect(scardffi_script *script, uint32_t index, size_t count, const uint16_t *values, const uint16_t *masks)
{
    if (script->expectations == NULL)
        script->expectations = calloc(script->count > 0 ? script->count : 1, sizeof *script->expectations);
    if (script->expectations == NULL || !append(&script->values, script->pairs, values, count) ||
        !append(&script->masks, script->pairs, masks, count))
        return false;
    for (size_t i = 0; i < script->count; i++) {
        if (index == SCRIPT_ALL || index == i)
            script->expectations[i] = (struct expectation){script->pairs, (uint32_t)count};
    }
    script->pairs += (uint32_t)count;
    return true;
}

static scardffi_run first_state(const scardffi_script *script, scardffi_manage *manage, uint64_t repeat)
{
    return (scardffi_run){
        .script = script,
        .manage = manage,
        .repeat = repeat,
        .reply_room = script->flow != 0 ? FLOW_ROOM : MAX_BUFFER_SIZE_EXTENDED,
    };
}

scardffi_run *script_run_new(const scardffi_script *script, scardffi_manage *manage, uint64_t repeat, int keep_all,
                             int timed)
{
    scardffi_run *run = malloc(sizeof *run);
    if (run == NULL)
        return NULL;
    *run = first_state(script, manage, repeat);
    run->keep_all = keep_all != 0;
    run->timed = timed != 0;
    run->offsets = calloc(1, sizeof *run->offsets);
    if (run->offsets == NULL) {
        free(run);
        return NULL;
    }
    return run;
}

void script_run_free(scardffi_run *run)
{
    if (run == NULL)
        return;
    flow_end(&run->flow);
    if (!run->is_fixed)
        free(run->arena);
    free(run->offsets);
    free(run->elapsed);
    free(run);
}

/* The size of a placed run without its arena. */
static size_t placed_size(const scardffi_script *script)
{
    return sizeof(scardffi_run) + (script->count + 1) * sizeof(size_t);
}

size_t script_run_size(const scardffi_script *script, bool with_arena)
{
    size_t size = placed_size(script);
    if (!with_arena)
        return size;
    size_t replies = script->count < MANY_REPLIES / SHORT_REPLY ? script->count * SHORT_REPLY : MANY_REPLIES;
    return size + MAX_BUFFER_SIZE_EXTENDED + SMALL_REPLIES + replies;
}

scardffi_run *script_run_place(unsigned char *memory, size_t size, const scardffi_script *script,
                               scardffi_manage *manage, uint64_t repeat)
{
    scardffi_run *run = (scardffi_run *)(void *)memory;
    *run = first_state(script, manage, repeat);
    run->offsets = (size_t *)(run + 1);
    run->offsets[0] = 0;
    run->room = script->count;
    run->is_fixed = true;
    run->arena = memory + placed_size(script);
    run->arena_size = size - placed_size(script);
    return run;
}

bool script_run_receive_in(scardffi_run *run, unsigned char *memory, size_t size)
{
    if (transmit_overlaps(run->script->packed, run->script->size, memory, size))
        return false;
    run->is_fixed = true;
    run->arena = memory;
    run->arena_size = size;
    run->reply_room = MAX_BUFFER_SIZE_EXTENDED;
    return true;
}

static size_t free_bytes(const scardffi_run *run)
{
    return run->arena_size - run->offsets[run->count];
}

static bool has_room(const scardffi_run *run)
{
    return run->count < run->room && free_bytes(run) >= run->reply_room;
}

/* Make an array larger, to `count` elements. Returns NULL, and leaves the array, if memory is exhausted. */
static void *grow(void *array, size_t count, size_t element_size)
{
    return count <= SIZE_MAX / element_size ? realloc(array, count * element_size) : NULL;
}

/* Make room for the offsets and times of more replies. Returns false if memory is exhausted. */
static bool grow_reply_lists(scardffi_run *run)
{
    size_t room = run->script->count;
    if (run->keep_all)
        room += run->room < SIZE_MAX / 4 ? 2 * run->room : run->room;
    size_t *offsets = grow(run->offsets, room + 1, sizeof *offsets);
    if (offsets == NULL)
        return false;
    run->offsets = offsets;
    if (run->timed) {
        uint64_t *elapsed = grow(run->elapsed, room, sizeof *elapsed);
        if (elapsed == NULL)
            return false;
        run->elapsed = elapsed;
    }
    run->room = room;
    return true;
}

/* Make the arena at least `size` bytes large. Returns false if memory is exhausted. */
static bool grow_arena(scardffi_run *run, size_t size)
{
    size_t doubled = run->arena_size < SIZE_MAX / 2 ? 2 * run->arena_size : 0;
    size_t arena_size = doubled > size ? doubled : size;
    unsigned char *arena = grow(run->arena, arena_size, 1);
    if (arena == NULL)
        return false;
    run->arena = arena;
    run->arena_size = arena_size;
    return true;
}

/* Make room for one more reply, however long the card makes it. Returns false if memory is exhausted. */
static bool make_room(scardffi_run *run)
{
    if (run->room < run->count + 1 && !grow_reply_lists(run))
        return false;
    size_t used = run->offsets[run->count], needed = run->reply_room;
    if (run->arena_size - used >= needed)
        return true;
    return used <= SIZE_MAX - needed - SMALL_REPLIES && grow_arena(run, used + needed + SMALL_REPLIES);
}

scardffi_run *script_run_continue(const scardffi_run *placed)
{
    scardffi_run *run = script_run_new(placed->script, placed->manage, placed->repeat, false, false);
    if (run == NULL)
        return NULL;
    if (!grow_reply_lists(run) || !grow_arena(run, 2 * placed->arena_size)) {
        script_run_free(run);
        return NULL;
    }
    run->executed = placed->executed;
    run->index = placed->index;
    run->position = placed->position;
    run->count = placed->count;
    memcpy(run->offsets, placed->offsets, (placed->count + 1) * sizeof *run->offsets);
    memcpy(run->arena, placed->arena, placed->offsets[placed->count]);
    return run;
}

static bool is_expected(const scardffi_script *script, size_t index, const unsigned char *response, size_t length)
{
    if (script->expectations == NULL || script->expectations[index].count == 0)
        return true;
    if (length < APDU_SW_SIZE)
        return false;
    unsigned sw = apdu_status_word(response, length);
    uint32_t first = script->expectations[index].first, end = first + script->expectations[index].count;
    for (uint32_t i = first; i < end; i++) {
        if ((sw & script->masks[i]) == script->values[i])
            return true;
    }
    return false;
}

static bool has_next(const scardffi_run *run)
{
    return run->script->count > 0 && (run->index < run->script->count || run->repeat > 1);
}

/* Begin the next pass. Without `keep_all` its replies replace those of the previous pass. */
static void begin_pass(scardffi_run *run)
{
    run->index = 0;
    run->position = 0;
    run->repeat--;
    if (!run->keep_all)
        run->count = 0;
}

/* Run up to FAST_COUNT commands in a loop that does as little as possible. It stops when the room is too small for the
 * longest response. Returns SCARDFFI_SCRIPT_MORE, SCARDFFI_SCRIPT_FAILED or SCRIPT_UNEXPECTED_SW. */
static int run_fast(scardffi_run *run, const struct card_handle *card)
{
    const scardffi_script *script = run->script;
    const SCARD_IO_REQUEST pci = {card->protocol, sizeof pci};
    const SCARDHANDLE handle = card->value;
    size_t *offset = run->offsets + run->count;
    size_t used = *offset, position = run->position, most = script->count - run->index, done;
    int result = SCARDFFI_SCRIPT_MORE;
    if (most > FAST_COUNT)
        most = FAST_COUNT;
    if (most > run->room - run->count)
        most = run->room - run->count;
    for (done = 0; result == SCARDFFI_SCRIPT_MORE && done < most;) {
        if (run->arena_size - used < MAX_BUFFER_SIZE_EXTENDED)
            break;
        unsigned char *response = run->arena + used;
        DWORD received = MAX_BUFFER_SIZE_EXTENDED;
        uint32_t length = script->lengths[run->index + done];
        uint32_t code = (uint32_t)card->library->SCardTransmit(handle, &pci, script->packed + position, length, NULL,
                                                               response, &received);
        if (code != SCARD_S_SUCCESS || received > MAX_BUFFER_SIZE_EXTENDED) {
            run->failure = transmit_code_failure(code, received, MAX_BUFFER_SIZE_EXTENDED);
            result = SCARDFFI_SCRIPT_FAILED;
            break;
        }
        used += received;
        *++offset = used;
        position += length;
        if (!is_expected(script, run->index + done, response, received))
            result = SCRIPT_UNEXPECTED_SW;
        done++;
    }
    run->position = position;
    run->count += done;
    run->index += done;
    run->executed += done;
    return result;
}

/* Send the next command, or go on with it. Returns the length of the response, FLOW_MORE or a failure. */
static int64_t send(scardffi_run *run, struct card_handle *card, uint64_t deadline)
{
    const scardffi_script *script = run->script;
    const unsigned char *command = script->packed + run->position;
    uint32_t length = script->lengths[run->index];
    unsigned char *response = run->arena + run->offsets[run->count];
    if (script->flow == 0)
        return transmit_locked(card, command, length, response, MAX_BUFFER_SIZE_EXTENDED);
    if (!run->in_command) {
        size_t capacity = free_bytes(run) < FLOW_ROOM ? free_bytes(run) : FLOW_ROOM;
        flow_begin(&run->flow, run->manage, script->flow, command, length, response, capacity,
                   MAX_BUFFER_SIZE_EXTENDED);
    }
    return flow_step(&run->flow, card, deadline);
}

/* Run one command, with the flow of the script. Returns the same values as run_fast, or SCRIPT_FULL. If the deadline is
 * over before the response is complete, returns SCARDFFI_SCRIPT_MORE with run->in_command true. */
static int run_one(scardffi_run *run, struct card_handle *card, uint64_t deadline)
{
    if (!run->in_command && !has_room(run)) {
        if (run->is_fixed && free_bytes(run) < run->reply_room)
            return SCRIPT_FULL;
        if (!make_room(run)) {
            run->failure = transmit_failure(SCARDFFI_E_OUTOFMEMORY, 0);
            return SCARDFFI_SCRIPT_FAILED;
        }
    }
    int64_t received = send(run, card, deadline);
    run->in_command = received == FLOW_MORE;
    if (run->in_command)
        return SCARDFFI_SCRIPT_MORE;
    if (received < 0) {
        run->failure = received;
        return SCARDFFI_SCRIPT_FAILED;
    }
    size_t offset = run->offsets[run->count], index = run->index++;
    run->offsets[++run->count] = offset + (size_t)received;
    run->position += run->script->lengths[index];
    run->executed++;
    return is_expected(run->script, index, run->arena + offset, (size_t)received) ? SCARDFFI_SCRIPT_MORE
                                                                                  : SCRIPT_UNEXPECTED_SW;
}

static int run_locked(scardffi_run *run, struct card_handle *card, uint64_t start, uint64_t deadline)
{
    const bool may_be_fast = run->script->flow == 0 && !run->timed;
    bool is_fast = false; /* the last commands took less than FAST_NANOSECONDS each */
    if (!run->in_command)
        run->last = start;
    while (has_next(run)) {
        if (run->index == run->script->count)
            begin_pass(run);
        uint64_t executed = run->executed;
        int result = SCARDFFI_SCRIPT_MORE;
        if (may_be_fast && is_fast)
            result = run_fast(run, card);
        if (run->executed == executed && result == SCARDFFI_SCRIPT_MORE)
            result = run_one(run, card, deadline);
        if (result != SCARDFFI_SCRIPT_MORE || run->in_command)
            return result;
        uint64_t now = platform_nanoseconds();
        if (run->timed)
            run->elapsed[run->count - 1] = now - run->last;
        is_fast = now - run->last < (run->executed - executed) * FAST_NANOSECONDS;
        run->last = now;
        if ((now >= deadline || manage_is_detaching(run->manage)) && has_next(run))
            return SCARDFFI_SCRIPT_MORE;
    }
    return SCARDFFI_SCRIPT_DONE;
}

int script_step(scardffi_run *run, uint32_t milliseconds)
{
    struct card_handle *card = flow_enter(&run->flow, run->manage);
    if (card == NULL) {
        run->in_command = false;
        run->failure = transmit_failure(SCARDFFI_E_UNEXPECTED, 0);
        return SCARDFFI_SCRIPT_FAILED;
    }
    uint64_t now = platform_nanoseconds();
    int result = run_locked(run, card, now, now + milliseconds * 1000000ull);
    flow_leave(&run->flow, card, run->in_command);
    return result;
}

void script_run_end(scardffi_run *run)
{
    flow_end(&run->flow);
}

uint64_t script_run_executed(const scardffi_run *run)
{
    return run->executed;
}

size_t script_run_index(const scardffi_run *run)
{
    return run->index;
}

int64_t script_run_failure(const scardffi_run *run)
{
    return run->failure;
}

uint32_t script_run_arrived(const scardffi_run *run)
{
    return (uint32_t)run->flow.arrived;
}

uint32_t script_run_rest(const scardffi_run *run)
{
    return (uint32_t)run->flow.rest;
}

bool script_run_is_refused(const scardffi_run *run)
{
    return run->flow.is_refused;
}

size_t script_run_count(const scardffi_run *run)
{
    return run->count;
}

unsigned char *script_run_arena(const scardffi_run *run)
{
    return run->arena;
}

const size_t *script_run_offsets(const scardffi_run *run)
{
    return run->offsets;
}

const uint64_t *script_run_elapsed(const scardffi_run *run)
{
    return run->elapsed;
}
