/* The record of one call. */
#define _GNU_SOURCE
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng.h"
#include "platform.h"
#include "system.h"
#include "utf16.h"

struct call call_begin(struct slot *slot, const char *function)
{
    return (struct call){slot, function, system_time(), platform_nanoseconds(), 0};
}

LONG call_end(struct call *call, LONG result)
{
    call->ticks = platform_nanoseconds() - call->ticks;
    call->result = (uint32_t)result;
    return result;
}

static void put_decimal(struct output *output, uint64_t number)
{
    char digits[20], *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    output_bytes(output, first, (size_t)(digits + sizeof digits - first));
}

static const char hex_digits[] = "0123456789ABCDEF";

static void put_hexadecimal(struct output *output, uint32_t number)
{
    char text[10] = "0x";
    for (int i = 0; i < 8; i++)
        text[2 + i] = hex_digits[number >> (28 - 4 * i) & 0xF];
    output_bytes(output, text, sizeof text);
}

/* Append bytes in hexadecimal; those of the secret part become "**". */
static void put_bytes(struct output *output, const unsigned char *bytes, size_t length, struct secret_part secret)
{
    unsigned char *place = output_reserve(output, 2 * length);
    if (place == NULL)
        return;
    for (size_t i = 0; i < length; i++) {
        bool is_secret = i >= secret.start && i - secret.start < secret.length;
        *place++ = (unsigned char)(is_secret ? '*' : hex_digits[bytes[i] >> 4]);
        *place++ = (unsigned char)(is_secret ? '*' : hex_digits[bytes[i] & 0xF]);
    }
}

/* Return the length of the character in UTF-8 at `text`, or 0 if it is not one. */
static size_t character_length(const unsigned char *text, size_t length)
{
    static const unsigned first_codes[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = text[0] < 0xC0 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : text[0] < 0xF8 ? 4 : 0;
    if (count == 0 || count > length)
        return 0;
    unsigned code = text[0] & (0xFFu >> (count + 1));
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    return code >= first_codes[count] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) ? count : 0;
}

/* Append a string as in JSON. A byte that is not UTF-8 becomes the surrogate that Python's surrogateescape uses. */
static void put_quoted(struct output *output, const char *string, size_t length)
{
    const unsigned char *text = (const unsigned char *)string;
    output_literal(output, "\"");
    while (length > 0) {
        size_t count =
            *text >= 0x20 && *text < 0x7F && *text != '"' && *text != '\\' ? 1 : character_length(text, length);
        if (*text == '"' || *text == '\\') {
            output_literal(output, "\\");
            count = 1;
            output_bytes(output, text, count);
        } else if (count == 0) {
            char escape[6] = {'\\',
                              'u',
                              *text < 0x80 ? '0' : 'd',
                              *text < 0x80 ? '0' : 'c',
                              hex_digits[*text >> 4],
                              hex_digits[*text & 0xF]};
            output_bytes(output, escape, sizeof escape);
            count = 1;
        } else {
            output_bytes(output, text, count);
        }
        text += count;
        length -= count;
    }
    output_literal(output, "\"");
}

static void put_name(struct record *record, struct field_name name)
{
    if (record->sink->is_text)
        output_bytes(&record->fields, name.text, name.text_length);
    else
        output_bytes(&record->fields, name.json, name.json_length);
}

void record_number(struct record *record, struct field_name name, uint64_t number)
{
    put_name(record, name);
    put_decimal(&record->fields, number);
}

void record_handle(struct record *record, struct field_name name, SCARDHANDLE handle)
{
    uint64_t number = (uint64_t)handle;
    put_name(record, name);
#if !defined(SCARDFFI_ABI_WINDOWS) /* handles are signed */
    if (handle < 0) {
        output_literal(&record->fields, "-");
        number = 0 - number;
    }
#endif
    put_decimal(&record->fields, number);
}

void record_flags(struct record *record, struct field_name name, uint32_t number)
{
    put_name(record, name);
    if (record->sink->is_text)
        put_hexadecimal(&record->fields, number);
    else
        put_decimal(&record->fields, number);
}

static void put_bytes_field(struct record *record, struct field_name name, const unsigned char *bytes, size_t length,
                            struct secret_part secret)
{
    const char *quote = record->sink->is_text ? "" : "\"";
    put_name(record, name);
    output_text(&record->fields, quote);
    put_bytes(&record->fields, bytes, length, secret);
    output_text(&record->fields, quote);
}

void record_bytes(struct record *record, struct field_name name, const unsigned char *bytes, size_t length)
{
    put_bytes_field(record, name, bytes, length, (struct secret_part){0, 0});
}

void record_secret(struct record *record, struct field_name name, const unsigned char *bytes, size_t length)
{
    put_bytes_field(record, name, bytes, length, (struct secret_part){0, record->sink->rules.shows_all ? 0 : length});
}

#if defined(SCARDFFI_ABI_WINDOWS) /* the strings of winscard.dll are UTF-16 */

typedef uint16_t unit;

static size_t text_length(const unit *text, size_t room)
{
    size_t length = 0;
    while (length < room && text[length] != 0)
        length++;
    return length;
}

static void put_text(struct output *output, const unit *text, size_t length)
{
    char memory[3 * MAX_READERNAME];
    size_t room = utf16_to_utf8(text, length, NULL);
    char *converted = room <= sizeof memory ? memory : malloc(room);
    if (converted == NULL) {
        output->failed = true;
        return;
    }
    utf16_to_utf8(text, length, converted);
    put_quoted(output, converted, room);
    if (converted != memory)
        free(converted);
}

#else

typedef char unit;

static size_t text_length(const unit *text, size_t room)
{
    return room == SIZE_MAX ? strlen(text) : strnlen(text, room);
}

static void put_text(struct output *output, const unit *text, size_t length)
{
    put_quoted(output, text, length);
}

#endif

void record_text(struct record *record, struct field_name name, const void *text, size_t room)
{
    if (text == NULL)
        return;
    put_name(record, name);
    put_text(&record->fields, text, text_length(text, room));
}

void record_texts(struct record *record, struct field_name name, const void *texts, size_t room)
{
    const unit *text = texts;
    if (text == NULL)
        return;
    put_name(record, name);
    output_literal(&record->fields, "[");
    for (bool is_first = true; room > 0 && *text != 0; is_first = false) {
        size_t length = text_length(text, room);
        output_text(&record->fields, is_first ? "" : ",");
        put_text(&record->fields, text, length);
        if (room != SIZE_MAX)
            room -= length < room ? length + 1 : room;
        if (room > 0)
            text += length + 1;
    }
    output_literal(&record->fields, "]");
}

static void put_state(struct record *record, const SCARD_READERSTATE *state, const void *name)
{
    bool has_atr = state->cbAtr > 0 && state->cbAtr <= MAX_ATR_SIZE;
    if (record->sink->is_text)
        output_literal(&record->fields, "{reader=");
    else
        output_literal(&record->fields, "{\"reader\":");
    if (name != NULL)
        put_text(&record->fields, name, text_length(name, SIZE_MAX));
    else
        output_literal(&record->fields, "null");
    record_flags(record, FIELD("current"), (uint32_t)state->dwCurrentState);
    record_flags(record, FIELD("event"), (uint32_t)state->dwEventState);
    if (has_atr)
        record_bytes(record, FIELD("atr"), state->rgbAtr, state->cbAtr);
    output_literal(&record->fields, "}");
}

void record_states(struct record *record, const SCARD_READERSTATE *states, const char *const *names, size_t count)
{
    put_name(record, FIELD("states"));
    output_literal(&record->fields, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            output_literal(&record->fields, ",");
        put_state(record, &states[i], names[i]);
    }
    output_literal(&record->fields, "]");
}

void record_transmit(struct record *record, const unsigned char *command, size_t command_length,
                     const unsigned char *response, size_t response_length)
{
    record->is_transmit = true;
    record->command = command;
    record->command_length = command != NULL ? command_length : 0;
    record->response = response;
    record->response_length = response_length;
}

static void begin_text(struct record *record)
{
    const struct call *call = record->call;
    time_t seconds = (time_t)(call->begun / 1000000000u);
    struct tm local;
    char text[160];
    if (!system_local_time(seconds, &local))
        memset(&local, 0, sizeof local);
    int length = snprintf(text, sizeof text, "%02d:%02d:%02d.%06u %s 0x%08X duration_us=%llu.%u process=%u thread=%llu",
                          local.tm_hour, local.tm_min, local.tm_sec, (unsigned)(call->begun % 1000000000u / 1000u),
                          call->function, (unsigned)call->result, (unsigned long long)(call->ticks / 1000u),
                          (unsigned)(call->ticks % 1000u / 100u), (unsigned)process_number(),
                          (unsigned long long)thread_number());
    output_bytes(&record->fields, text, (size_t)length);
}

static void begin_json(struct record *record)
{
    output_literal(&record->fields, "{\"function\":\"");
    output_text(&record->fields, record->call->function);
    output_literal(&record->fields, "\"");
    record_number(record, FIELD("result"), record->call->result);
    record_number(record, FIELD("duration_ns"), record->call->ticks);
    record_number(record, FIELD("process"), process_number());
    record_number(record, FIELD("thread"), thread_number());
}

static void begin_fields(struct record *record)
{
    if (record->sink == NULL) {
        sinks_unlock();
        return;
    }
    output_begin(&record->fields);
    record->is_transmit = false;
    if (record->sink->is_text)
        begin_text(record);
    else
        begin_json(record);
}

void record_begin(struct record *record, const struct call *call)
{
    record->call = call;
    sinks_lock();
    record->sink = sinks_next(call->slot, NULL);
    begin_fields(record);
}

static void write_text(struct record *record, struct secret_part secret)
{
    if (record->command != NULL && record->is_transmit)
        put_bytes_field(record, FIELD("command"), record->command, record->command_length, secret);
    if (record->response != NULL && record->is_transmit)
        record_bytes(record, FIELD("response"), record->response, record->response_length);
    output_literal(&record->fields, "\n");
    if (!record->fields.failed)
        sink_write(record->sink, record->fields.bytes, record->fields.length);
}

/* A command and its response are written together, so that Wireshark finds the command before the response. */
static void write_packets(struct record *record, struct secret_part secret)
{
    struct output packets;
    const struct call *call = record->call;
    if (secret.length > 0) {
        put_name(record, FIELD("removed"));
        output_literal(&record->fields, "[");
        put_decimal(&record->fields, secret.start);
        output_literal(&record->fields, ",");
        put_decimal(&record->fields, secret.length);
        output_literal(&record->fields, "]");
    }
    output_literal(&record->fields, "}");
    output_begin(&packets);
    bool has_command = record->is_transmit && record->command != NULL;
    unsigned char *written =
        pcapng_packet(&packets, has_command ? PCAPNG_COMMAND : PCAPNG_OTHER, call->begun, record->command,
                      has_command ? record->command_length : 0, record->fields.bytes, record->fields.length);
    if (written != NULL && secret.length > 0)
        memset(written + secret.start, 0, secret.length);
    if (has_command && record->response != NULL)
        pcapng_packet(&packets, PCAPNG_RESPONSE, call->begun + call->ticks, record->response, record->response_length,
                      NULL, 0);
    if (!packets.failed && !record->fields.failed)
        sink_write(record->sink, packets.bytes, packets.length);
    output_end(&packets);
}

void record_write(struct record *record)
{
    struct secret_part secret = {0, 0};
    if (record->is_transmit && record->command != NULL)
        secret = secret_part_of_command(&record->sink->rules, record->command, record->command_length);
    if (record->sink->is_text)
        write_text(record, secret);
    else
        write_packets(record, secret);
    output_end(&record->fields);
    record->sink = sinks_next(record->call->slot, record->sink);
    begin_fields(record);
}
