/* A script: many commands, run in one call. */
#include "script.h"

#include <stdlib.h>
#include <string.h>

#include "apdu.h"

/* Fast exchanges look at the clock once in so many; one that takes longer is followed by a look each. */
enum { FAST_STRIDE = 64, FAST_NANOSECONDS = 1000 };

typedef struct {
    size_t offset; /* of the command in bytes */
    uint32_t length;
    uint32_t room;      /* what the response may need: Le + 2 where the command says Le */
    uint32_t expect;    /* index of its first pair */
    uint32_t expect_count;
} script_command;

struct scardffi_script {
    size_t count;
    size_t size;
    unsigned flow;
    unsigned char *bytes;
    script_command *commands;
    uint16_t *values; /* pairs of what is expected */
    uint16_t *masks;
    uint32_t pairs;
};

struct scardffi_run {
    const scardffi_script *script;
    scardffi_manage *manage;
    uint64_t repeat; /* passes left, the current one included */
    uint64_t executed;
    int keep_all;
    int64_t failure;
    uint32_t arrived;
    size_t index; /* of the next command */
    size_t count; /* replies kept */
    size_t room;  /* replies that offsets and elapsed have room for */
    size_t arena_size;
    unsigned char *arena;
    size_t *offsets;
    uint64_t *elapsed;
    int timed;
};

/* Le and a status word if the command's fields say so. Extended commands with data and commands whose lengths do not add
 * up have room for any response. */
static uint32_t response_room(const unsigned char *command, uint32_t length)
{
    struct apdu apdu;
    if (!apdu_parse(command, length, &apdu) || (apdu.extended && apdu.lc > 0))
        return MAX_BUFFER_SIZE_EXTENDED;
    return (uint32_t)apdu.le + APDU_SW_SIZE;
}

scardffi_script *script_new(size_t count, const unsigned char *bytes, const uint32_t *lengths, unsigned flow)
{
    scardffi_script *object = calloc(1, sizeof *object);
    size_t size = 0;

    if (object == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        size += lengths[i];
    object->bytes = malloc(size > 0 ? size : 1);
    object->commands = calloc(count > 0 ? count : 1, sizeof *object->commands);
    if (object->bytes == NULL || object->commands == NULL) {
        script_free(object);
        return NULL;
    }
    memcpy(object->bytes, bytes, size);
    object->size = size;
    object->count = count;
    object->flow = flow;
    for (size_t i = 0, offset = 0; i < count; offset += lengths[i], i++) {
        object->commands[i].offset = offset;
        object->commands[i].length = lengths[i];
        object->commands[i].room = flow != 0 ? MAX_BUFFER_SIZE_EXTENDED : response_room(bytes + offset, lengths[i]);
    }
    return object;
}

void script_free(scardffi_script *object)
{
    if (object == NULL)
        return;
    if (object->bytes != NULL)
        platform_wipe(object->bytes, object->size);
    free(object->bytes);
    free(object->commands);
    free(object->values);
    free(object->masks);
    free(object);
}

int script_expect(scardffi_script *object, uint32_t index, size_t count, const uint16_t *values, const uint16_t *masks)
{
    size_t pairs = object->pairs + count;
    uint16_t *grown = realloc(object->values, pairs * sizeof *grown);

    if (grown == NULL)
        return 0;
    object->values = grown;
    grown = realloc(object->masks, pairs * sizeof *grown);
    if (grown == NULL)
        return 0;
    object->masks = grown;
    memcpy(object->values + object->pairs, values, count * sizeof *values);
    memcpy(object->masks + object->pairs, masks, count * sizeof *masks);
    for (size_t i = 0; i < object->count; i++) {
        if (index == SCRIPT_ALL || index == i) {
            object->commands[i].expect = object->pairs;
            object->commands[i].expect_count = (uint32_t)count;
        }
    }
    object->pairs = (uint32_t)pairs;
    return 1;
}

scardffi_run *script_run_new(const scardffi_script *object, scardffi_manage *manage, uint64_t repeat, int keep_all, int timed)
{
    scardffi_run *run = calloc(1, sizeof *run);

    if (run == NULL)
        return NULL;
    run->script = object;
    run->manage = manage;
    run->repeat = repeat;
    run->keep_all = keep_all;
    run->timed = timed;
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
    free(run->arena);
    free(run->offsets);
    free(run->elapsed);
    free(run);
}

/* Room for one more reply of `size` bytes; 0 where memory is out. */
static int make_room(scardffi_run *run, size_t size)
{
    size_t used = run->offsets[run->count];

    if (run->room < run->count + 1) {
        size_t room = run->keep_all ? 2 * run->room + run->script->count : run->script->count;
        size_t *offsets = realloc(run->offsets, (room + 1) * sizeof *offsets);
        if (offsets == NULL)
            return 0;
        run->offsets = offsets;
        if (run->timed) {
            uint64_t *elapsed = realloc(run->elapsed, room * sizeof *elapsed);
            if (elapsed == NULL)
                return 0;
            run->elapsed = elapsed;
        }
        run->room = room;
    }
    if (run->arena_size < used + size) {
        size_t arena_size = 2 * run->arena_size > used + size ? 2 * run->arena_size : used + size + 4096;
        unsigned char *arena = realloc(run->arena, arena_size);
        if (arena == NULL)
            return 0;
        run->arena = arena;
        run->arena_size = arena_size;
    }
    return 1;
}

static int is_expected(const scardffi_script *object, const script_command *command, unsigned sw)
{
    for (uint32_t i = command->expect; i < command->expect + command->expect_count; i++) {
        if ((sw & object->masks[i]) == object->values[i])
            return 1;
    }
    return command->expect_count == 0;
}

static int has_room(const scardffi_run *run, const script_command *command)
{
    return run->count < run->room && run->arena_size - run->offsets[run->count] >= command->room;
}

/* The next pass begins: without keep_all its replies take the place of the last one's. */
static void begin_pass(scardffi_run *run)
{
    run->index = 0;
    run->repeat--;
    if (!run->keep_all)
        run->count = 0;
}

/* Up to FAST_STRIDE commands in the tightest loop there is; it stops before one that has no room yet. Answers
 * SCRIPT_MORE, SCRIPT_FAILED or SCRIPT_MISSED. */
static int run_fast(scardffi_run *run, const card_handle *card)
{
    const scardffi_script *object = run->script;
    const script_command *command = object->commands + run->index;
    const SCARD_IO_REQUEST pci = {card->protocol, sizeof pci};
    const SCARDHANDLE handle = card->value;
    size_t *offset = run->offsets + run->count;
    size_t used = *offset, most = object->count - run->index, done;
    int result = SCRIPT_MORE;

    if (most > FAST_STRIDE)
        most = FAST_STRIDE;
    if (most > run->room - run->count)
        most = run->room - run->count;
    for (done = 0; result == SCRIPT_MORE && done < most; command++) {
        const size_t left = run->arena_size - used;
        const DWORD capacity = left < MAX_BUFFER_SIZE_EXTENDED ? (DWORD)left : MAX_BUFFER_SIZE_EXTENDED;
        DWORD received = capacity;
        uint32_t code;
        if (left < command->room)
            break;
        code = (uint32_t)card->api->SCardTransmit(handle, &pci, object->bytes + command->offset, command->length,
                                                  NULL, run->arena + used, &received);
        if (code != SCARD_S_SUCCESS || received > capacity) {
            run->failure = transmit_failure(code, received, capacity);
            result = SCRIPT_FAILED;
            break;
        }
        used += received;
        *++offset = used;
        done++;
        if (command->expect_count != 0 && !is_expected(object, command, apdu_status_word(run->arena + used - received, received)))
            result = SCRIPT_MISSED;
    }
    run->count += done;
    run->index += done;
    run->executed += done;
    return result;
}

/* One command with all that a script can ask for. Answers as run_fast. */
static int run_one(scardffi_run *run, card_handle *card)
{
    const scardffi_script *object = run->script;
    const script_command *command = &object->commands[run->index];
    const unsigned char *bytes = object->bytes + command->offset;
    unsigned char *response;
    size_t used = run->offsets[run->count], capacity;
    int64_t received;

    if (!has_room(run, command) && !make_room(run, command->room)) {
        run->failure = exchange_failure(HR_OUTOFMEMORY, 0);
        return SCRIPT_FAILED;
    }
    response = run->arena + used;
    capacity = run->arena_size - used;
    if (object->flow == 0)
        received = transmit_locked(card, bytes, command->length, response, capacity);
    else
        received = flow_locked(card, object->flow, bytes, command->length, response, capacity, &run->arrived);
    if (received < 0) {
        run->failure = received;
        return SCRIPT_FAILED;
    }
    run->offsets[++run->count] = used + (size_t)received;
    run->index++;
    run->executed++;
    if (is_expected(object, command, apdu_status_word(response, (size_t)received)))
        return SCRIPT_MORE;
    return SCRIPT_MISSED;
}

static int run_locked(scardffi_run *run, card_handle *card, uint64_t deadline)
{
    const scardffi_script *object = run->script;
    const int plain = object->flow == 0 && !run->timed;
    uint64_t before = platform_nanoseconds(), now;
    int fast = 0; /* the last commands took less than FAST_NANOSECONDS each */
    int result = SCRIPT_MORE;

    while (object->count > 0 && (run->index < object->count || run->repeat > 1)) {
        uint64_t executed = run->executed;
        if (run->index == object->count)
            begin_pass(run);
        if (plain && fast)
            result = run_fast(run, card);
        if (run->executed == executed && result == SCRIPT_MORE)
            result = run_one(run, card);
        if (result != SCRIPT_MORE)
            return result;
        now = platform_nanoseconds();
        if (run->timed)
            run->elapsed[run->count - 1] = now - before;
        fast = now - before < (run->executed - executed) * FAST_NANOSECONDS;
        before = now;
        if (now >= deadline && (run->index < object->count || run->repeat > 1))
            return SCRIPT_MORE;
    }
    return SCRIPT_DONE;
}

int script_step(scardffi_run *run, uint32_t milliseconds)
{
    card_handle *card = manage_enter(run->manage);
    int result;

    if (card == NULL) {
        run->failure = exchange_failure(HR_UNEXPECTED, 0);
        return SCRIPT_FAILED;
    }
    result = run_locked(run, card, platform_nanoseconds() + milliseconds * 1000000ull);
    platform_mutex_unlock(&card->mutex);
    return result;
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
    return run->arrived;
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
