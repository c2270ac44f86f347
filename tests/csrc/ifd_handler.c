/*
 * A reader driver for pcscd: up to 16 readers, each with the same test card, which is part of the driver.
 *
 * A private pcscd loads it as a driver of USB readers, which fake_udev.c plugs in and unplugs. A reader's device name
 * ends in its number N. The folder named by SCARDFFI_TEST_IFD controls the readers and receives their logs:
 *   absent-N      while this file exists, reader N holds no card
 *   atr-N         the ATR of the card in reader N, in hexadecimal, read at power-up and reset; if empty, it is mute
 *   go-N          ends a hanging command of reader N, which deletes the file
 *   reader-N.log  a line for each event: seconds of CLOCK_MONOTONIC, event, details
 *
 * The card's commands (hexadecimal):
 *   00 B0 P1 P2 Le      READ BINARY: the byte at offset i is (i ^ i >> 8) & FF
 *   00 84 00 00 Le      GET CHALLENGE: random bytes
 *   00 A4 00 0C 02 id   SELECT: 9000 for 3F00, otherwise 6A82
 *   00 C0 00 00 Le      GET RESPONSE: the next Le bytes of what 80 1C prepared, then 61xx if more are left;
 *                       6Cxx if Le is more than what is left, 6985 if nothing is left; xx is at most 256 (00)
 *   80 10 hi lo         responds after hi:lo milliseconds
 *   80 12 hi lo         returns hi:lo bytes of the READ BINARY pattern, 0000 means 65536
 *   80 14 00 00         responds when go-N is made, at the latest after a minute
 *   80 16 00 00         fails with IFD_COMMUNICATION_ERROR
 *   80 18 00 00 Lc data returns the data
 *   80 1A 00 00         returns the number of commands that this reader has received, this one included:
 *                       4 bytes, big-endian
 *   80 1C hi lo         prepares hi:lo bytes of the pattern, 0000 means 65536, and returns 61xx; any command except
 *                       GET RESPONSE discards them
 *   80 1E 00 xx Le      6Cxx unless Le is xx (00: 256), otherwise xx bytes of the pattern
 *   80 22 nn xx         answers the next nn commands (FF: all until a reset) with xx bytes, 00 or 01, without a status
 *                       word; xx is 02: with 256 bytes and 6100; xx is 03: with up to 300 random bytes
 * A command with bit 10 in CLA is part of a chain: its data is kept, and the response is 9000. The next command without
 * that bit, with the same CLA, INS, P1 and P2, runs with all the data. More than 65535 bytes are 6700. Any other
 * command in between discards the chain. A reset discards the chain and what 80 1C prepared.
 * Anything else is 6D00 in class 00 or 80 and 6E00 in other classes; length fields that do not add up are 6700.
 * 80 10 and 80 14 end at once when the card is removed.
 *
 * This card and the virtual library's answering card share no code, because the tests compare them.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <ifdhandler.h>
#include <reader.h>

enum {
    MAX_READERS = 16,
    LOGGED_BYTES = 32,
    SLICE_MS = 2,
    HANG_MS = 60000,
    MAX_DATA = 65535,
    MAX_RESPONSE = 65536 + 2,
    CHAINING_BIT = 0x10,
    ALWAYS = 0xFF
};

static const UCHAR DEFAULT_ATR[] = {0x3B, 0x88, 0x80, 0x01, 'i', 'f', 'd', '-', 't', 'e', 's', 't', 0x59};
static const char VENDOR_NAME[] = "scardffi tests";

struct reader {
    bool is_open;
    unsigned number;
    char absent_name[32];
    char absent_path[PATH_MAX];
    char atr_path[PATH_MAX];
    char go_path[PATH_MAX];
    int log;
    int folder_watch;        /* inotify, tells the polling thread that a card was inserted or removed */
    int stop_event;          /* eventfd, ends a wait of the polling thread */
    UCHAR atr[MAX_ATR_SIZE]; /* of the powered card */
    DWORD atr_length;        /* 0: the card is not powered */
    DWORD protocol;          /* SCARD_PROTOCOL_T0 or _T1 after the negotiation, before it 0 */
    uint32_t command_count;
    unsigned odd_responses;  /* the number of commands that the card has yet to answer as 80 22 said */
    unsigned odd_kind;       /* xx of 80 22 */
    DWORD prepared, fetched; /* bytes of the pattern for GET RESPONSE, and how many of them it has returned */
    UCHAR chain[MAX_DATA];
    DWORD chain_length;
    UCHAR chain_header[4]; /* of the chain's commands, without CHAINING_BIT */
    bool has_chain;
    pthread_mutex_t attribute_mutex; /* pcscd locks the reader for every call except IFDHSetCapabilities */
    UCHAR attribute[sizeof(DWORD)];
    DWORD attribute_length;
};

static struct reader readers[MAX_READERS];

/* pcscd numbers the readers of one driver from 0 in the upper half of Lun. */
static struct reader *find_reader(DWORD lun)
{
    DWORD index = lun >> 16;
    return index < MAX_READERS && readers[index].is_open ? &readers[index] : NULL;
}

static bool card_is_absent(const struct reader *reader)
{
    return access(reader->absent_path, F_OK) == 0;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void discard_data(struct reader *reader)
{
    reader->prepared = 0;
    reader->has_chain = false;
    reader->chain_length = 0;
    reader->odd_responses = 0;
}

/* Write each line with one call, so that lines of different threads do not mix and programs only read whole lines. */
static void __attribute__((format(printf, 2, 3))) log_event(const struct reader *reader, const char *format, ...)
{
    char line[256];
    int64_t now = now_ns();
    int length =
        snprintf(line, sizeof line, "%lld.%09lld ", (long long)(now / 1000000000), (long long)(now % 1000000000));
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (write(reader->log, line, (size_t)length) < 0)
        perror("scardffi test reader: log");
}

static void log_bytes(const struct reader *reader, const char *event, const UCHAR *bytes, DWORD length)
{
    char hex[2 * LOGGED_BYTES + 1] = "";
    for (DWORD i = 0; i < length && i < LOGGED_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    log_event(reader, "%s %lu %s", event, (unsigned long)length, hex);
}

/* Channels */

/* pcscd requires this function, and only calls it for readers without a device name. */
RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel)
{
    (void)Lun;
    (void)Channel;
    return IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName)
{
    const char *folder = getenv("SCARDFFI_TEST_IFD");
    const char *number = strrchr(DeviceName, '/');
    DWORD index = Lun >> 16;
    if (folder == NULL || number == NULL || index >= MAX_READERS)
        return IFD_COMMUNICATION_ERROR;
    struct reader *reader = &readers[index];
    memset(reader, 0, sizeof *reader);
    reader->number = (unsigned)strtoul(number + 1, NULL, 10);
    reader->attribute_length = sizeof(DWORD);
    pthread_mutex_init(&reader->attribute_mutex, NULL);

    char log_path[PATH_MAX];
    snprintf(reader->absent_name, sizeof reader->absent_name, "absent-%u", reader->number);
    snprintf(reader->absent_path, sizeof reader->absent_path, "%s/absent-%u", folder, reader->number);
    snprintf(reader->atr_path, sizeof reader->atr_path, "%s/atr-%u", folder, reader->number);
    snprintf(reader->go_path, sizeof reader->go_path, "%s/go-%u", folder, reader->number);
    snprintf(log_path, sizeof log_path, "%s/reader-%u.log", folder, reader->number);
    reader->log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    reader->folder_watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    reader->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reader->log < 0 || reader->folder_watch < 0 || reader->stop_event < 0 ||
        inotify_add_watch(reader->folder_watch, folder, IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) < 0) {
        perror("scardffi test reader: open");
        return IFD_COMMUNICATION_ERROR;
    }
    reader->is_open = true;
    log_event(reader, "open");
    return IFD_SUCCESS;
}

RESPONSECODE IFDHCloseChannel(DWORD Lun)
{
    struct reader *reader = find_reader(Lun);
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    log_event(reader, "close");
    reader->is_open = false;
    close(reader->log);
    close(reader->folder_watch);
    close(reader->stop_event);
    pthread_mutex_destroy(&reader->attribute_mutex);
    return IFD_SUCCESS;
}

/* Presence */

RESPONSECODE IFDHICCPresence(DWORD Lun)
{
    const struct reader *reader = find_reader(Lun);
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    return card_is_absent(reader) ? IFD_ICC_NOT_PRESENT : IFD_ICC_PRESENT;
}

/*
 * pcscd calls this in a thread of each reader, without its lock, and calls IFDHICCPresence whenever it returns. The
 * watch queues what happens between two calls, so no change is missed.
 */
static RESPONSECODE wait_for_card_event(DWORD Lun, int timeout_ms)
{
    struct reader *reader = find_reader(Lun);
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    for (;;) {
        struct pollfd polled[2] = {{.fd = reader->folder_watch, .events = POLLIN},
                                   {.fd = reader->stop_event, .events = POLLIN}};
        int ready = poll(polled, 2, timeout_ms);
        if (ready < 0 && errno != EINTR)
            return IFD_COMMUNICATION_ERROR;
        uint64_t stops; /* read, or each following wait would end at once too */
        if (ready == 0 || read(reader->stop_event, &stops, sizeof stops) == sizeof stops)
            return IFD_SUCCESS;

        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        bool is_ours = false;
        ssize_t length;
        while ((length = read(reader->folder_watch, buffer, sizeof buffer)) > 0) {
            for (char *at = buffer; at < buffer + length;) {
                const struct inotify_event *event = (const struct inotify_event *)(void *)at;
                if (event->mask & IN_Q_OVERFLOW || (event->len && strcmp(event->name, reader->absent_name) == 0))
                    is_ours = true;
                at += sizeof *event + event->len;
            }
        }
        if (is_ours)
            return IFD_SUCCESS;
    }
}

static RESPONSECODE stop_waiting(DWORD Lun)
{
    const struct reader *reader = find_reader(Lun);
    const uint64_t one = 1;
    if (reader == NULL || write(reader->stop_event, &one, sizeof one) < 0)
        return IFD_COMMUNICATION_ERROR;
    return IFD_SUCCESS;
}

/* Attributes and driver properties */

static RESPONSECODE return_value(const void *value, DWORD value_length, PDWORD Length, PUCHAR Value)
{
    if (*Length < value_length)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(Value, value, value_length);
    *Length = value_length;
    return IFD_SUCCESS;
}

static RESPONSECODE return_byte(UCHAR value, PDWORD Length, PUCHAR Value)
{
    return return_value(&value, 1, Length, Value);
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value)
{
    struct reader *reader = find_reader(Lun);
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    RESPONSECODE (*wait)(DWORD, int) = wait_for_card_event;
    RESPONSECODE (*stop)(DWORD) = stop_waiting;
    switch (Tag) {
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOT_THREAD_SAFE:
    case TAG_IFD_SLOTS_NUMBER:
        return return_byte(1, Length, Value);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
        return return_byte(MAX_READERS, Length, Value);
    case TAG_IFD_POLLING_THREAD_KILLABLE:
        return return_byte(0, Length, Value);
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT: /* the value is the address of the function */
        return return_value(&wait, sizeof wait, Length, Value);
    case TAG_IFD_STOP_POLLING_THREAD:
        return return_value(&stop, sizeof stop, Length, Value);
    case TAG_IFD_ATR:
    case SCARD_ATTR_ATR_STRING:
        return return_value(reader->atr, card_is_absent(reader) ? 0 : reader->atr_length, Length, Value);
    case SCARD_ATTR_ICC_PRESENCE: /* PC/SC part 3: 0 absent, 2 present */
        return return_byte(card_is_absent(reader) ? 0 : 2, Length, Value);
    case SCARD_ATTR_CURRENT_PROTOCOL_TYPE: {
        const uint32_t protocol = card_is_absent(reader) ? 0 : (uint32_t)reader->protocol;
        return return_value(&protocol, sizeof protocol, Length, Value);
    }
    case SCARD_ATTR_VENDOR_NAME:
        return return_value(VENDOR_NAME, sizeof VENDOR_NAME - 1, Length, Value);
    case SCARD_ATTR_SUPRESS_T1_IFS_REQUEST: {
        pthread_mutex_lock(&reader->attribute_mutex);
        RESPONSECODE result = return_value(reader->attribute, reader->attribute_length, Length, Value);
        pthread_mutex_unlock(&reader->attribute_mutex);
        return result;
    }
    default:
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value)
{
    struct reader *reader = find_reader(Lun);
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    if (Tag != SCARD_ATTR_SUPRESS_T1_IFS_REQUEST)
        return IFD_ERROR_TAG;
    if (Length != sizeof(uint32_t) && Length != sizeof(DWORD))
        return IFD_ERROR_SET_FAILURE;
    log_bytes(reader, "set-attribute", Value, Length);
    pthread_mutex_lock(&reader->attribute_mutex);
    memcpy(reader->attribute, Value, Length);
    reader->attribute_length = Length;
    pthread_mutex_unlock(&reader->attribute_mutex);
    return IFD_SUCCESS;
}

/* Power and protocol */

/* Returns false if the card is mute or absent. */
static bool power_up(struct reader *reader)
{
    if (card_is_absent(reader))
        return false;
    FILE *file = fopen(reader->atr_path, "r");
    if (file == NULL) {
        memcpy(reader->atr, DEFAULT_ATR, sizeof DEFAULT_ATR);
        reader->atr_length = sizeof DEFAULT_ATR;
        return true;
    }
    unsigned byte;
    while (reader->atr_length < sizeof reader->atr && fscanf(file, "%2x", &byte) == 1)
        reader->atr[reader->atr_length++] = (UCHAR)byte;
    fclose(file);
    return reader->atr_length > 0;
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength)
{
    struct reader *reader = find_reader(Lun);
    *AtrLength = 0;
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    reader->atr_length = 0;
    reader->protocol = 0;
    discard_data(reader);
    switch (Action) {
    case IFD_POWER_DOWN:
        log_event(reader, "power-down");
        return IFD_SUCCESS;
    case IFD_POWER_UP:
    case IFD_RESET:
        log_event(reader, Action == IFD_RESET ? "reset" : "power-up");
        if (!power_up(reader))
            return IFD_ERROR_POWER_ACTION;
        memcpy(Atr, reader->atr, reader->atr_length);
        *AtrLength = reader->atr_length;
        return IFD_SUCCESS;
    default:
        return IFD_NOT_SUPPORTED;
    }
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1, UCHAR PTS2, UCHAR PTS3)
{
    struct reader *reader = find_reader(Lun);
    (void)Flags;
    (void)PTS1;
    (void)PTS2;
    (void)PTS3;
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    log_event(reader, "protocol T=%d", Protocol == SCARD_PROTOCOL_T1);
    if (Protocol != SCARD_PROTOCOL_T0 && Protocol != SCARD_PROTOCOL_T1)
        return IFD_PROTOCOL_NOT_SUPPORTED;
    reader->protocol = Protocol;
    return IFD_SUCCESS;
}

/* The card */

struct apdu {
    const UCHAR *data;
    DWORD data_length;
    DWORD expected; /* 0: no Le field */
};

/* The length fields of ISO/IEC 7816-3, 12.1.3, short and extended. Returns false if they do not add up. */
static bool parse_apdu(const UCHAR *command, DWORD length, struct apdu *apdu)
{
    *apdu = (struct apdu){.data = command + 5};
    if (length == 4)
        return true;
    if (length == 5) {
        apdu->expected = command[4] ? command[4] : 256;
        return true;
    }
    bool extended = command[4] == 0 && length >= 7;
    DWORD header = extended ? 7 : 5;
    DWORD first = extended ? (DWORD)command[5] << 8 | command[6] : command[4];
    if (length == header) {
        apdu->expected = first ? first : 65536;
        return true;
    }
    apdu->data = command + header;
    apdu->data_length = first;
    DWORD rest = length - header;
    if (first == 0 || rest < first)
        return false;
    rest -= first;
    const UCHAR *le = apdu->data + first;
    if (rest == 1 && !extended)
        apdu->expected = le[0] ? le[0] : 256;
    else if (rest == 2 && extended)
        apdu->expected = le[0] || le[1] ? (DWORD)le[0] << 8 | le[1] : 65536;
    else
        return rest == 0;
    return true;
}

static void fill_pattern(UCHAR *out, DWORD offset, DWORD length)
{
    for (DWORD i = offset; i < offset + length; i++)
        *out++ = (UCHAR)(i ^ i >> 8);
}

/* Returns false if the card is removed meanwhile. */
static bool wait_on_card(const struct reader *reader, unsigned milliseconds, bool until_go)
{
    int64_t end = now_ns() + milliseconds * INT64_C(1000000);
    for (;;) {
        if (card_is_absent(reader))
            return false;
        if (until_go && unlink(reader->go_path) == 0)
            return true;
        int64_t left = end - now_ns();
        if (left <= 0)
            return true;
        const int64_t slice = SLICE_MS * INT64_C(1000000);
        struct timespec pause = {.tv_nsec = (long)(left < slice ? left : slice)};
        nanosleep(&pause, NULL);
    }
}

/* 61xx or 6Cxx: xx is the number of bytes left, 00 for 256 and more. */
static unsigned with_bytes_left(unsigned status, DWORD left)
{
    return status | (left < 256 ? (unsigned)left : 0);
}

static unsigned get_response(struct reader *reader, const struct apdu *apdu, PUCHAR response, DWORD *length)
{
    const DWORD left = reader->prepared - reader->fetched;
    if (left == 0)
        return 0x6985;
    if (apdu->expected == 0 || apdu->data_length > 0)
        return 0x6700;
    if (apdu->expected > left)
        return with_bytes_left(0x6C00, left);
    *length = apdu->expected;
    fill_pattern(response, reader->fetched, *length);
    reader->fetched += *length;
    return *length == left ? 0x9000 : with_bytes_left(0x6100, left - *length);
}

/* Keep the data of a command with CHAINING_BIT. A command that ends the chain gets all the data and runs, as does a
 * command without a chain. */
static unsigned process_chain(struct reader *reader, const UCHAR *header, struct apdu *apdu, bool *runs)
{
    const bool is_chained = header[0] & CHAINING_BIT;
    const UCHAR plain[4] = {header[0] & (UCHAR)~CHAINING_BIT, header[1], header[2], header[3]};
    const bool continues = reader->has_chain && memcmp(plain, reader->chain_header, sizeof plain) == 0;
    *runs = false;
    if (!continues)
        reader->chain_length = 0;
    if (is_chained && apdu->data_length == 0) {
        reader->has_chain = false;
        return 0x6700;
    }
    reader->has_chain = is_chained;
    if (reader->chain_length + apdu->data_length > MAX_DATA) {
        reader->has_chain = false;
        return 0x6700;
    }
    if (is_chained || continues) {
        memcpy(reader->chain + reader->chain_length, apdu->data, apdu->data_length);
        reader->chain_length += apdu->data_length;
    }
    memcpy(reader->chain_header, plain, sizeof plain);
    if (continues && !is_chained) {
        apdu->data = reader->chain;
        apdu->data_length = reader->chain_length;
    }
    *runs = !is_chained;
    return 0x9000;
}

static RESPONSECODE run_command(struct reader *reader, const UCHAR *header, const struct apdu *apdu, PUCHAR response,
                                DWORD *length, unsigned *status)
{
    const unsigned parameters = (unsigned)header[2] << 8 | header[3];
    const DWORD large = parameters ? parameters : 65536;
    const DWORD short_length = header[3] ? header[3] : 256;
    switch ((unsigned)header[0] << 8 | header[1]) {
    case 0x00B0:
        *length = apdu->expected;
        fill_pattern(response, parameters, *length);
        break;
    case 0x00D6: /* nothing is kept */
        break;
    case 0x0084:
        while (*length < apdu->expected) {
            ssize_t got = getrandom(response + *length, apdu->expected - *length, 0);
            if (got > 0)
                *length += (DWORD)got;
        }
        break;
    case 0x00A4:
        if (parameters != 0x000C || apdu->data_length != 2 || apdu->data[0] != 0x3F || apdu->data[1] != 0x00)
            *status = 0x6A82;
        break;
    case 0x00C0:
        *status = get_response(reader, apdu, response, length);
        break;
    case 0x8010:
        return wait_on_card(reader, parameters, false) ? IFD_SUCCESS : IFD_ICC_NOT_PRESENT;
    case 0x8012:
        *length = large;
        fill_pattern(response, 0, *length);
        break;
    case 0x8014:
        return wait_on_card(reader, HANG_MS, true) ? IFD_SUCCESS : IFD_ICC_NOT_PRESENT;
    case 0x8016:
        return IFD_COMMUNICATION_ERROR;
    case 0x8018:
        *length = apdu->data_length;
        memcpy(response, apdu->data, *length);
        break;
    case 0x801A:
        for (int shift = 24; shift >= 0; shift -= 8)
            response[(*length)++] = (UCHAR)(reader->command_count >> shift);
        break;
    case 0x801C:
        reader->prepared = large;
        reader->fetched = 0;
        *status = with_bytes_left(0x6100, large);
        break;
    case 0x801E:
        if (apdu->expected != short_length) {
            *status = with_bytes_left(0x6C00, short_length);
            break;
        }
        *length = short_length;
        fill_pattern(response, 0, *length);
        break;
    case 0x8022:
        if (header[3] > 3) {
            *status = 0x6A86;
            break;
        }
        reader->odd_responses = header[2];
        reader->odd_kind = header[3];
        break;
    default:
        *status = header[0] == 0x00 || header[0] == 0x80 ? 0x6D00 : 0x6E00;
    }
    return IFD_SUCCESS;
}

/* Write the response of a kind of 80 22, and return its length. */
static DWORD odd_response(unsigned kind, PUCHAR response)
{
    if (kind == 2) {
        fill_pattern(response, 0, 256);
        response[256] = 0x61;
        response[257] = 0x00;
        return 258;
    }
    if (kind == 3) {
        ssize_t got = getrandom(response, 301, 0);
        return got < 1 ? 0 : (DWORD)(response[0] + response[1]) % 301;
    }
    response[0] = 0x90;
    return kind;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength, PUCHAR RxBuffer,
                               PDWORD RxLength, PSCARD_IO_HEADER RecvPci)
{
    struct reader *reader = find_reader(Lun);
    const DWORD room = *RxLength;
    *RxLength = 0;
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    if (RecvPci != NULL)
        RecvPci->Protocol = SendPci.Protocol;
    reader->command_count++;
    log_bytes(reader, SendPci.Protocol ? "apdu-t1" : "apdu-t0", TxBuffer, TxLength);
    if (card_is_absent(reader))
        return IFD_ICC_NOT_PRESENT;
    if (TxLength < 4)
        return IFD_COMMUNICATION_ERROR;
    if (room < MAX_RESPONSE) /* pcscd's buffer is always larger */
        return IFD_ERROR_INSUFFICIENT_BUFFER;

    if (reader->odd_responses > 0) {
        reader->odd_responses -= reader->odd_responses != ALWAYS;
        *RxLength = odd_response(reader->odd_kind, RxBuffer);
        return IFD_SUCCESS;
    }

    struct apdu apdu;
    DWORD length = 0;
    unsigned status = 0x6700;
    bool runs = false;
    if (parse_apdu(TxBuffer, TxLength, &apdu))
        status = process_chain(reader, TxBuffer, &apdu, &runs);
    else
        reader->has_chain = false;
    if (!runs || TxBuffer[0] != 0x00 || TxBuffer[1] != 0xC0)
        reader->prepared = reader->fetched;
    if (runs) {
        RESPONSECODE result = run_command(reader, TxBuffer, &apdu, RxBuffer, &length, &status);
        if (result != IFD_SUCCESS)
            return result;
    }
    RxBuffer[length] = (UCHAR)(status >> 8);
    RxBuffer[length + 1] = (UCHAR)status;
    *RxLength = length + 2;
    return IFD_SUCCESS;
}

/* Control */

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength, PUCHAR RxBuffer,
                         DWORD RxLength, LPDWORD pdwBytesReturned)
{
    /* Tag, length, control code big-endian, for each feature. */
    static const UCHAR FEATURES[] = {
        FEATURE_IFD_PIN_PROPERTIES, 4, 0x42, 0x00, 0x0B, 0xC1, /* SCARD_CTL_CODE(3009) */
        FEATURE_GET_TLV_PROPERTIES, 4, 0x42, 0x00, 0x0B, 0xC2, /* SCARD_CTL_CODE(3010) */
    };
    /* wLcdLayout, bEntryValidationCondition, bTimeOut2 */
    static const UCHAR PIN_PROPERTIES[] = {0, 0, 7, 0};
    /* PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize: 65536, little-endian */
    static const UCHAR TLV_PROPERTIES[] = {0x0A, 4, 0, 0, 1, 0};
    const struct reader *reader = find_reader(Lun);
    *pdwBytesReturned = 0;
    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    char event[32];
    snprintf(event, sizeof event, "control-%08lx", (unsigned long)dwControlCode);
    log_bytes(reader, event, TxBuffer, TxLength);

    const UCHAR *answer = TxBuffer;
    DWORD length = TxLength;
    switch (dwControlCode) {
    case CM_IOCTL_GET_FEATURE_REQUEST:
        answer = FEATURES;
        length = sizeof FEATURES;
        break;
    case SCARD_CTL_CODE(3009):
        answer = PIN_PROPERTIES;
        length = sizeof PIN_PROPERTIES;
        break;
    case SCARD_CTL_CODE(3010):
        answer = TLV_PROPERTIES;
        length = sizeof TLV_PROPERTIES;
        break;
    case SCARD_CTL_CODE(2001): {
        struct timespec pause = {.tv_nsec = 200000000};
        nanosleep(&pause, NULL);
        break;
    }
    case SCARD_CTL_CODE(2000):
        break;
    default:
        return IFD_ERROR_NOT_SUPPORTED;
    }
    if (RxLength < length)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memmove(RxBuffer, answer, length);
    *pdwBytesReturned = length;
    return IFD_SUCCESS;
}
