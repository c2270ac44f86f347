/* Parse and apply SCARDFFI_VIRTUAL: entries separated by semicolons, each a word and fields separated by commas:
 *   reader[,name=TEXT][,card=answering|none][,latency=MS][,listen=PORT][,connect=PORT][,python=PORT]
 *   fault,function=NAME[,call=N][,times=N][,report=PORT],EFFECT
 *     with EFFECT: code=N or NAME | answer=HEX | latency=MS | removal | reset | stop
 * If the variable is not set, there is one reader with an answering card. A set-uid process ignores the variable.
 */
#include "configuration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answering_card.h"
#include "code_names.h"
#include "environment.h"
#include "faults.h"
#include "resource_manager.h"
#include "vpcd.h"

enum { MAX_ENTRY_SIZE = 1024, MAX_FIELDS = 16, MAX_ANSWER_SIZE = MAX_ENTRY_SIZE / 2 };

struct field {
    const char *key;
    const char *value; /* "" if there is no "=" */
};

struct entry {
    char text[MAX_ENTRY_SIZE]; /* the fields point into it */
    struct field fields[MAX_FIELDS];
    unsigned count;
};

static char last_problem[160]; /* guarded by the mutex until the configuration is applied, constant afterwards */
static bool is_refused, is_port_missing;

/* The same problem again is not written again: programs ask for the service several times in a second. */
static LONG report_error(const char *problem, const char *subject)
{
    char text[sizeof last_problem];
    snprintf(text, sizeof text, "%s: %.60s", problem, subject);
    if (strcmp(text, last_problem) != 0) {
        memcpy(last_problem, text, sizeof text);
        fprintf(stderr, "scardffi virtual library: SCARDFFI_VIRTUAL: %s\n", text);
    }
    return (LONG)SCARD_E_NO_SERVICE;
}

static LONG report_field_error(const char *problem, const struct field *field)
{
    char text[60];
    snprintf(text, sizeof text, "%s%s%s", field->key, *field->value != '\0' ? "=" : "", field->value);
    return report_error(problem, text);
}

static bool has_field(const struct entry *entry, const char *key)
{
    for (unsigned i = 0; i < entry->count; i++)
        if (strcmp(entry->fields[i].key, key) == 0)
            return true;
    return false;
}

/* Returns false if the entry is too long, has too many fields, or has a field twice. */
static bool split_entry(const char *start, size_t length, struct entry *entry)
{
    entry->count = 0;
    if (length >= sizeof entry->text)
        return false;
    memcpy(entry->text, start, length);
    entry->text[length] = '\0';
    char *rest = entry->text;
    while (rest != NULL) {
        char *field = rest + strspn(rest, " \t\n");
        rest = strchr(field, ',');
        if (rest != NULL)
            *rest++ = '\0';
        if (entry->count == MAX_FIELDS)
            return false;
        char *equals = strchr(field, '=');
        if (equals != NULL)
            *equals = '\0';
        if (has_field(entry, field))
            return false;
        entry->fields[entry->count++] = (struct field){field, equals != NULL ? equals + 1 : ""};
    }
    return true;
}

/* Read a decimal number, or a hexadecimal one after 0x. Returns false if the text is not a number up to `maximum`. */
static bool parse_number(const char *text, unsigned long maximum, uint32_t *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    *number = (uint32_t)value;
    return *end == '\0' && value <= maximum;
}

static bool parse_hex(const char *text, unsigned char *bytes, size_t *length)
{
    for (*length = 0; *text != '\0'; text += 2, (*length)++) {
        unsigned byte;
        if (strspn(text, "0123456789abcdefABCDEF") < 2 || sscanf(text, "%2x", &byte) != 1)
            return false;
        bytes[*length] = (unsigned char)byte;
    }
    return true;
}

/* Readers */

struct reader_entry {
    char name[MAX_READERNAME];
    bool has_card;
    uint32_t latency_ms, listen, connect, python; /* ports, or 0 */
};

static bool parse_reader_field(const struct field *field, struct reader_entry *reader)
{
    if (strcmp(field->key, "name") == 0) {
        int length = snprintf(reader->name, sizeof reader->name, "%s", field->value);
        return length > 0 && (size_t)length < sizeof reader->name;
    }
    if (strcmp(field->key, "card") == 0) {
        reader->has_card = strcmp(field->value, "answering") == 0;
        return reader->has_card || strcmp(field->value, "none") == 0;
    }
    if (strcmp(field->key, "latency") == 0)
        return parse_number(field->value, UINT32_MAX / 1000, &reader->latency_ms);
    uint32_t *port = strcmp(field->key, "listen") == 0    ? &reader->listen
                     : strcmp(field->key, "connect") == 0 ? &reader->connect
                     : strcmp(field->key, "python") == 0  ? &reader->python
                                                          : NULL;
    return port != NULL && parse_number(field->value, UINT16_MAX, port) && *port != 0;
}

static LONG add_reader(const struct reader_entry *entry)
{
    struct reader *reader;
    LONG code = reader_plug(entry->name, &reader);
    if (code == (LONG)SCARD_E_INVALID_VALUE)
        return report_error("invalid name of a reader", entry->name);
    if (code == (LONG)SCARD_E_SHARING_VIOLATION)
        return report_error("two readers have this name", entry->name);
    if (code != SCARD_S_SUCCESS)
        return manager_plugged_count < MAX_READERS ? code : report_error("too many readers", entry->name);
    reader->latency_us = entry->latency_ms * 1000;
    if (entry->listen != 0)
        code = vpcd_listen(reader, (uint16_t)entry->listen);
    if (code == (LONG)SCARD_E_SHARING_VIOLATION) {
        is_port_missing = true;
        return report_error("the port of this reader is not available", entry->name);
    }
    if (entry->connect != 0 || entry->python != 0)
        code = vpcd_connect(reader, (uint16_t)(entry->connect + entry->python), entry->python != 0);
    if (code == (LONG)SCARD_E_NO_SMARTCARD)
        report_error("no emulator listens at the port of this reader, which stays empty", entry->name);
    else if (code != SCARD_S_SUCCESS)
        return code;
    if (!entry->has_card)
        return SCARD_S_SUCCESS;
    struct card *card = answering_card_new(NULL, 0);
    return card != NULL ? reader_insert_card(reader, card) : (LONG)SCARD_E_NO_MEMORY;
}

static LONG configure_reader(const struct entry *entry, unsigned number)
{
    struct reader_entry reader = {.has_card = true};
    snprintf(reader.name, sizeof reader.name, "scardffi Virtual Reader %u", number);
    for (unsigned i = 1; i < entry->count; i++)
        if (!parse_reader_field(&entry->fields[i], &reader))
            return report_field_error("invalid field of a reader", &entry->fields[i]);
    if (has_field(entry, "listen") + has_field(entry, "connect") + has_field(entry, "python") +
            has_field(entry, "card") >
        1)
        return report_error("a reader can have only one of listen, connect, python and card", reader.name);
    if (reader.listen != 0 || reader.connect != 0 || reader.python != 0)
        reader.has_card = false;
    return add_reader(&reader);
}

/* Faults */

struct fault_entry {
    const char *function;
    uint32_t call, times, value, report;
    enum fault_effect effect;
    unsigned char answer[MAX_ANSWER_SIZE];
    size_t answer_length;
};

static bool parse_effect(const struct field *field, struct fault_entry *fault)
{
    static const struct {
        const char *key;
        enum fault_effect effect;
    } effects[] = {
        {"code", FAULT_CODE},       {"stop", FAULT_STOP},       {"reset", FAULT_RESET},
        {"latency", FAULT_LATENCY}, {"removal", FAULT_REMOVAL}, {"answer", FAULT_ANSWER},
    };
    unsigned i = 0;
    while (i < sizeof effects / sizeof effects[0] && strcmp(effects[i].key, field->key) != 0)
        i++;
    if (i == sizeof effects / sizeof effects[0] || fault->effect != 0)
        return false;
    fault->effect = effects[i].effect;
    if (fault->effect == FAULT_CODE)
        return code_from_name(field->value, &fault->value) || parse_number(field->value, UINT32_MAX, &fault->value);
    if (fault->effect == FAULT_ANSWER)
        return parse_hex(field->value, fault->answer, &fault->answer_length);
    if (fault->effect != FAULT_LATENCY)
        return *field->value == '\0';
    bool is_number = parse_number(field->value, UINT32_MAX / 1000, &fault->value);
    fault->value *= 1000;
    return is_number;
}

static bool parse_fault_field(const struct field *field, struct fault_entry *fault)
{
    if (strcmp(field->key, "function") == 0) {
        fault->function = field->value;
        return true;
    }
    if (strcmp(field->key, "call") == 0)
        return parse_number(field->value, UINT32_MAX, &fault->call);
    if (strcmp(field->key, "times") == 0)
        return parse_number(field->value, UINT32_MAX, &fault->times);
    if (strcmp(field->key, "report") == 0)
        return parse_number(field->value, UINT16_MAX, &fault->report) && fault->report != 0;
    return parse_effect(field, fault);
}

static LONG configure_fault(const struct entry *entry)
{
    struct fault_entry fault = {.function = "", .call = 1, .times = 1};
    for (unsigned i = 1; i < entry->count; i++)
        if (!parse_fault_field(&entry->fields[i], &fault))
            return report_field_error("invalid field of a fault", &entry->fields[i]);
    uint32_t number;
    LONG code = fault_arm(fault.function, fault.call, fault.times, fault.effect, fault.value, fault.answer,
                          fault.answer_length, &number);
    if (code == (LONG)SCARD_E_INVALID_VALUE)
        return report_error("invalid function, effect, call or times of a fault", fault.function);
    if (code == (LONG)SCARD_E_NO_MEMORY)
        return report_error("there is no memory for this fault, or it is the 65th: at most 64 are armed",
                            fault.function);
    if (code == SCARD_S_SUCCESS)
        fault_report_to(number, (uint16_t)fault.report);
    return code;
}

static LONG configure(const char *text)
{
    unsigned readers = 0;
    while (*text != '\0') {
        struct entry entry;
        size_t length = strcspn(text, ";");
        if (!split_entry(text, length, &entry))
            return report_error("an entry is too long, has too many fields, or has a field twice", text);
        text += length + (text[length] == ';');
        LONG code = SCARD_S_SUCCESS;
        if (*entry.fields[0].value != '\0')
            code = report_error("the first word of an entry must not have a value; use name= or function=",
                                entry.fields[0].key);
        else if (strcmp(entry.fields[0].key, "reader") == 0)
            code = configure_reader(&entry, readers++);
        else if (strcmp(entry.fields[0].key, "fault") == 0)
            code = configure_fault(&entry);
        else if (entry.count > 1 || *entry.fields[0].key != '\0')
            code = report_error("an entry must begin with \"reader\" or \"fault\"", entry.fields[0].key);
        if (code != SCARD_S_SUCCESS)
            return code;
    }
    return SCARD_S_SUCCESS;
}

LONG configuration_apply(bool *may_succeed_later)
{
    char *text;
    is_port_missing = false;
    LONG code = environment_read_configuration(&text);
    if (code == SCARD_S_SUCCESS)
        code = configure(text != NULL ? text : "reader");
    is_refused = code == (LONG)SCARD_E_NO_SERVICE;
    *may_succeed_later = is_port_missing || !is_refused;
    free(text);
    return code;
}

const char *configuration_problem(void)
{
    return is_refused ? last_problem : NULL;
}
