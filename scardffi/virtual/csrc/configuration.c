/* SCARDFFI_VIRTUAL holds entries separated by semicolons, each a word and "key=value"s separated by commas:
 *   reader[,name=TEXT][,card=answering|none][,latency=MS][,listen=PORT][,connect=PORT]
 *   fault,function=NAME[,call=N][,times=N],code=N | answer=HEX | latency=MS | removal | reset | stop
 * Without it there is one reader with an answering card. A process that is set-uid ignores it.
 */
#include "configuration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answering_card.h"
#include "emulator.h"
#include "environment.h"
#include "faults.h"
#include "world.h"

enum { LONGEST_ENTRY = 1024, MOST_FIELDS = 16, LONGEST_ANSWER = LONGEST_ENTRY / 2 };

struct field {
    const char *key;
    const char *value; /* "" where there is no "=" */
};

struct entry {
    char text[LONGEST_ENTRY]; /* that the fields point into */
    struct field fields[MOST_FIELDS];
    unsigned count;
};

static LONG complain(const char *problem, const char *what)
{
    fprintf(stderr, "scardffi virtual library: SCARDFFI_VIRTUAL: %s: %.60s\n", problem, what);
    return (LONG)SCARD_E_NO_SERVICE;
}

static LONG complain_of_field(const char *problem, const struct field *field)
{
    char text[60];
    snprintf(text, sizeof text, "%s%s%s", field->key, *field->value != '\0' ? "=" : "", field->value);
    return complain(problem, text);
}

static bool is_named(const struct entry *entry, const char *key)
{
    for (unsigned i = 0; i < entry->count; i++)
        if (strcmp(entry->fields[i].key, key) == 0)
            return true;
    return false;
}

/* False where the entry is too long, has too many fields, or one twice. */
static bool split(const char *start, size_t length, struct entry *entry)
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
        if (entry->count == MOST_FIELDS)
            return false;
        char *equals = strchr(field, '=');
        if (equals != NULL)
            *equals = '\0';
        if (is_named(entry, field))
            return false;
        entry->fields[entry->count++] = (struct field){field, equals != NULL ? equals + 1 : ""};
    }
    return true;
}

/* Decimal, or hexadecimal behind 0x. */
static bool read_number(const char *text, unsigned long most, uint32_t *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    *number = (uint32_t)value;
    return *end == '\0' && value <= most;
}

static bool read_hex(const char *text, unsigned char *bytes, size_t *length)
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
    uint32_t latency_ms, listen, connect; /* ports, 0: none */
};

static bool read_reader_field(const struct field *field, struct reader_entry *reader)
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
        return read_number(field->value, UINT32_MAX / 1000, &reader->latency_ms);
    uint32_t *port = strcmp(field->key, "listen") == 0    ? &reader->listen
                     : strcmp(field->key, "connect") == 0 ? &reader->connect
                                                          : NULL;
    return port != NULL && read_number(field->value, UINT16_MAX, port) && *port != 0;
}

static LONG add_reader(const struct reader_entry *wanted)
{
    struct reader *reader;
    LONG code = plug_reader(wanted->name, &reader);
    if (code != SCARD_S_SUCCESS)
        return complain("this reader is there already, or one too many", wanted->name);
    reader->latency_us = wanted->latency_ms * 1000;
    if (wanted->listen != 0 && !listen_for_emulators(reader, (uint16_t)wanted->listen))
        return complain("its port cannot be had", wanted->name);
    if (wanted->connect != 0)
        code = connect_to_emulator(reader, (uint16_t)wanted->connect);
    if (code == (LONG)SCARD_E_NO_SMARTCARD)
        complain("no emulator listens at its port, and it stays empty", wanted->name);
    else if (code != SCARD_S_SUCCESS)
        return code;
    if (!wanted->has_card)
        return SCARD_S_SUCCESS;
    struct card *card = new_answering_card(NULL, 0);
    return card != NULL ? insert_card(reader, card) : (LONG)SCARD_E_NO_MEMORY;
}

static LONG configure_reader(const struct entry *entry, unsigned number)
{
    struct reader_entry reader = {.has_card = true};
    snprintf(reader.name, sizeof reader.name, "scardffi Virtual Reader %u", number);
    for (unsigned i = 1; i < entry->count; i++)
        if (!read_reader_field(&entry->fields[i], &reader))
            return complain_of_field("no reader has this, or not this value", &entry->fields[i]);
    if (is_named(entry, "listen") + is_named(entry, "connect") + is_named(entry, "card") > 1)
        return complain("listen, connect and card exclude each other", reader.name);
    if (reader.listen != 0 || reader.connect != 0)
        reader.has_card = false;
    return add_reader(&reader);
}

/* Faults */

struct fault_entry {
    const char *function;
    uint32_t call, times, value;
    enum effect effect;
    unsigned char answer[LONGEST_ANSWER];
    size_t answer_length;
};

static bool read_effect(const struct field *field, struct fault_entry *fault)
{
    static const struct {
        const char *key;
        enum effect effect;
    } effects[] = {
        {"code", FAULT_CODE},       {"stop", FAULT_STOP},       {"reset", FAULT_RESET},
        {"latency", FAULT_LATENCY}, {"removal", FAULT_REMOVAL}, {"answer", FAULT_ANSWER},
    };
    unsigned which = 0;
    while (which < sizeof effects / sizeof effects[0] && strcmp(effects[which].key, field->key) != 0)
        which++;
    if (which == sizeof effects / sizeof effects[0] || fault->effect != 0)
        return false;
    fault->effect = effects[which].effect;
    if (fault->effect == FAULT_CODE)
        return read_number(field->value, UINT32_MAX, &fault->value);
    if (fault->effect == FAULT_ANSWER)
        return read_hex(field->value, fault->answer, &fault->answer_length);
    if (fault->effect != FAULT_LATENCY)
        return *field->value == '\0';
    bool is_time = read_number(field->value, UINT32_MAX / 1000, &fault->value);
    fault->value *= 1000;
    return is_time;
}

static bool read_fault_field(const struct field *field, struct fault_entry *fault)
{
    if (strcmp(field->key, "function") == 0) {
        fault->function = field->value;
        return true;
    }
    if (strcmp(field->key, "call") == 0)
        return read_number(field->value, UINT32_MAX, &fault->call);
    if (strcmp(field->key, "times") == 0)
        return read_number(field->value, UINT32_MAX, &fault->times);
    return read_effect(field, fault);
}

static LONG configure_fault(const struct entry *entry)
{
    struct fault_entry fault = {.function = "", .call = 1, .times = 1};
    for (unsigned i = 1; i < entry->count; i++)
        if (!read_fault_field(&entry->fields[i], &fault))
            return complain_of_field("no fault has this, or not this value", &entry->fields[i]);
    uint32_t number;
    LONG code = arm_fault(fault.function, fault.call, fault.times, fault.effect, fault.value, fault.answer,
                          fault.answer_length, &number);
    return code != (LONG)SCARD_E_INVALID_VALUE ? code : complain("no such fault of this function", fault.function);
}

static LONG configure(const char *text)
{
    unsigned readers = 0;
    while (*text != '\0') {
        struct entry entry;
        size_t length = strcspn(text, ";");
        if (!split(text, length, &entry))
            return complain("an entry is too long, or has too many fields, or one twice", text);
        text += length + (text[length] == ';');
        LONG code = SCARD_S_SUCCESS;
        if (*entry.fields[0].value != '\0')
            code = complain("the first word has no value; give name= or function=", entry.fields[0].key);
        else if (strcmp(entry.fields[0].key, "reader") == 0)
            code = configure_reader(&entry, readers++);
        else if (strcmp(entry.fields[0].key, "fault") == 0)
            code = configure_fault(&entry);
        else if (entry.count > 1 || *entry.fields[0].key != '\0')
            code = complain("neither \"reader\" nor \"fault\"", entry.fields[0].key);
        if (code != SCARD_S_SUCCESS)
            return code;
    }
    return SCARD_S_SUCCESS;
}

LONG configure_world(void)
{
    char *text;
    LONG code = read_environment(&text);
    if (code == SCARD_S_SUCCESS)
        code = configure(text != NULL ? text : "reader");
    free(text);
    return code;
}
