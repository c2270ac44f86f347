/* Arm and end faults, and count the calls until they hit. */
#include "faults.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "resource_manager.h"
#include "sockets.h"

enum { MAX_FAULTS = 64 };

struct fault {
    uint32_t number; /* 0: the slot is free */
    enum pcsc_function function;
    enum fault_effect effect;
    uint32_t call;   /* calls until the first hit, including that call */
    uint32_t times;  /* hits that are left */
    uint32_t hits;   /* hits so far */
    uint32_t value;  /* the code, or microseconds */
    uint16_t report; /* the port to connect to at the first hit, or 0 */
    unsigned char *answer;
    size_t answer_length;
};

atomic_uint fault_count;

/* Guarded by the mutex. */
static struct fault slots[MAX_FAULTS];
static uint32_t last_number;
static bool is_frozen;
static pthread_cond_t thawed = PTHREAD_COND_INITIALIZER;

static enum pcsc_function find_function(const char *name)
{
    static const char *const names[] = {
#define STRING(name) #name,
        FAULT_FUNCTIONS(STRING)
#undef STRING
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return (enum pcsc_function)(FUNCTION_UNKNOWN + 1 + i);
    return FUNCTION_UNKNOWN;
}

static struct fault *find_fault(uint32_t number)
{
    for (unsigned i = 0; i < MAX_FAULTS; i++)
        if (slots[i].number == number)
            return &slots[i];
    return NULL;
}

static void disarm(struct fault *fault)
{
    free(fault->answer);
    *fault = (struct fault){0};
    atomic_fetch_sub(&fault_count, 1);
}

LONG fault_arm(const char *function, uint32_t call, uint32_t times, enum fault_effect effect, uint32_t value,
               const unsigned char *answer, size_t answer_length, uint32_t *number)
{
    struct fault fault = {
        .function = find_function(function),
        .effect = effect,
        .call = call,
        .times = times,
        .value = value,
        .answer_length = answer_length,
    };
    bool any_function = effect == FAULT_CODE || effect == FAULT_STOP;
    if (fault.function == FUNCTION_UNKNOWN || call == 0 || times == 0 || effect < FAULT_CODE || effect > FAULT_ANSWER ||
        (!any_function && fault.function != FUNCTION_SCardTransmit))
        return (LONG)SCARD_E_INVALID_VALUE;
    struct fault *slot = find_fault(0);
    fault.answer = slot != NULL ? malloc(answer_length > 0 ? answer_length : 1) : NULL;
    if (fault.answer == NULL)
        return (LONG)SCARD_E_NO_MEMORY;
    if (answer_length > 0)
        memcpy(fault.answer, answer, answer_length);
    do
        fault.number = ++last_number;
    while (fault.number == 0);
    *slot = fault;
    atomic_fetch_add(&fault_count, 1);
    *number = fault.number;
    return SCARD_S_SUCCESS;
}

bool fault_end(uint32_t number)
{
    struct fault *fault = number != 0 ? find_fault(number) : NULL;
    if (fault != NULL)
        disarm(fault);
    return fault != NULL;
}

void fault_report_to(uint32_t number, uint16_t port)
{
    struct fault *fault = find_fault(number);
    if (fault != NULL)
        fault->report = port;
}

bool fault_get_hits(uint32_t number, uint32_t *hits)
{
    const struct fault *fault = number != 0 ? find_fault(number) : NULL;
    *hits = fault != NULL ? fault->hits : 0;
    return fault != NULL;
}

/* The connection itself is the report. */
static void report_hit(const struct fault *fault)
{
    bool refused;
    if (fault->report != 0 && fault->hits == 1)
        socket_close(socket_connect(fault->report, &refused));
}

static void apply_effect(const struct fault *fault, struct command_faults *faults)
{
    switch (fault->effect) {
    case FAULT_STOP:
        manager_stop();
        break;
    case FAULT_RESET:
        faults->reset = true;
        break;
    case FAULT_LATENCY:
        faults->latency_us += fault->value;
        break;
    case FAULT_REMOVAL:
        faults->removal = true;
        break;
    case FAULT_ANSWER:
        faults->answer_fault = fault->number;
        break;
    case FAULT_CODE:
        break;
    }
}

bool fault_apply(enum pcsc_function function, LONG *code, struct command_faults *faults)
{
    bool ends_call = false;
    pthread_mutex_lock(&manager_mutex);
    fault_wait_until_thawed();
    for (unsigned i = 0; i < MAX_FAULTS; i++) {
        struct fault *fault = &slots[i];
        if (fault->number == 0 || fault->function != function || fault->times == 0 || --fault->call > 0)
            continue;
        fault->call = 1;
        fault->times--;
        fault->hits++;
        report_hit(fault);
        if (fault->effect == FAULT_CODE && !ends_call) {
            *code = (LONG)fault->value;
            ends_call = true;
        }
        apply_effect(fault, faults);
    }
    pthread_mutex_unlock(&manager_mutex);
    return ends_call;
}

int64_t fault_copy_answer(uint32_t number, unsigned char *answer, size_t room)
{
    pthread_mutex_lock(&manager_mutex);
    const struct fault *fault = find_fault(number);
    int64_t length = fault != NULL ? (int64_t)fault->answer_length : -1;
    if (length > 0 && (size_t)length <= room)
        memcpy(answer, fault->answer, (size_t)length);
    pthread_mutex_unlock(&manager_mutex);
    return length;
}

void fault_freeze(void)
{
    if (!is_frozen)
        atomic_fetch_add(&fault_count, 1);
    is_frozen = true;
}

void fault_thaw(void)
{
    if (is_frozen)
        atomic_fetch_sub(&fault_count, 1);
    is_frozen = false;
    pthread_cond_broadcast(&thawed);
}

void fault_wait_until_thawed(void)
{
    while (is_frozen)
        pthread_cond_wait(&thawed, &manager_mutex);
}

void fault_end_all(void)
{
    for (unsigned i = 0; i < MAX_FAULTS; i++)
        if (slots[i].number != 0)
            disarm(&slots[i]);
}

void fault_reset_after_fork(void)
{
    thawed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    fault_thaw();
    fault_end_all();
}
