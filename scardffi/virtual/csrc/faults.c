/* Faults: armed, counted down by the calls that they are for, and ended. */
#include "faults.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { FAULTS = 64 };

struct fault {
    uint32_t number; /* 0: this slot is free */
    enum function function;
    enum effect effect;
    uint32_t call;  /* counts down to the first call that it hits */
    uint32_t times; /* calls that it still hits */
    uint32_t hits;  /* calls that it has hit */
    uint32_t value; /* the code, or microseconds */
    unsigned char *answer;
    size_t answer_length;
};

atomic_uint faults_armed;

static struct fault faults[FAULTS]; /* guarded by the world's mutex, as is what follows */
static uint32_t last_number;

static enum function find_function(const char *name)
{
    static const char *const names[] = {
#define NAME_AS_TEXT(name) #name,
        FAULTY_FUNCTIONS(NAME_AS_TEXT)
#undef NAME_AS_TEXT
    };
    unsigned function = 0;
    while (function < NO_FUNCTION && strcmp(names[function], name) != 0)
        function++;
    return (enum function)function;
}

static struct fault *find_fault(uint32_t number)
{
    for (unsigned i = 0; i < FAULTS; i++)
        if (faults[i].number == number)
            return &faults[i];
    return NULL;
}

static void disarm(struct fault *fault)
{
    free(fault->answer);
    *fault = (struct fault){0};
    atomic_fetch_sub(&faults_armed, 1);
}

LONG arm_fault(const char *function, uint32_t call, uint32_t times, enum effect effect, uint32_t value,
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
    bool anywhere = effect == FAULT_CODE || effect == FAULT_STOP;
    if (fault.function == NO_FUNCTION || call == 0 || times == 0 || effect < FAULT_CODE || effect > FAULT_ANSWER
        || (!anywhere && fault.function != IN_SCardTransmit))
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
    atomic_fetch_add(&faults_armed, 1);
    *number = fault.number;
    return SCARD_S_SUCCESS;
}

bool end_fault(uint32_t number)
{
    struct fault *fault = number != 0 ? find_fault(number) : NULL;
    if (fault != NULL)
        disarm(fault);
    return fault != NULL;
}

bool count_hits(uint32_t number, uint32_t *hits)
{
    const struct fault *fault = number != 0 ? find_fault(number) : NULL;
    *hits = fault != NULL ? fault->hits : 0;
    return fault != NULL;
}

static void befall(const struct fault *fault, struct mishap *mishap)
{
    switch (fault->effect) {
    case FAULT_STOP:
        stop_service();
        break;
    case FAULT_RESET:
        mishap->reset = true;
        break;
    case FAULT_LATENCY:
        mishap->latency_us += fault->value;
        break;
    case FAULT_REMOVAL:
        mishap->removal = true;
        break;
    case FAULT_ANSWER:
        mishap->answer = fault->number;
        break;
    case FAULT_CODE:
        break;
    }
}

bool look_for_fault(enum function function, LONG *code, struct mishap *mishap)
{
    bool answers = false;
    pthread_mutex_lock(&world_mutex);
    for (unsigned i = 0; i < FAULTS; i++) {
        struct fault *fault = &faults[i];
        if (fault->number == 0 || fault->function != function || fault->times == 0 || --fault->call > 0)
            continue;
        fault->call = 1;
        fault->times--;
        fault->hits++;
        if (fault->effect == FAULT_CODE && !answers) {
            *code = (LONG)fault->value;
            answers = true;
        }
        befall(fault, mishap);
    }
    pthread_mutex_unlock(&world_mutex);
    return answers;
}

int64_t answer_of_fault(uint32_t number, unsigned char *answer, size_t room)
{
    pthread_mutex_lock(&world_mutex);
    const struct fault *fault = find_fault(number);
    int64_t length = fault != NULL ? (int64_t)fault->answer_length : -1;
    if (length > 0 && (size_t)length <= room)
        memcpy(answer, fault->answer, (size_t)length);
    pthread_mutex_unlock(&world_mutex);
    return length;
}

void forget_faults(void)
{
    memset(faults, 0, sizeof faults);
    atomic_store(&faults_armed, 0);
}
