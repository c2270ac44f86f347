/* The calls of the transmit loop for Python: the compiled module scardffi._calls.
 *
 * This is the only C file that knows Python. It uses the limited API of Python 3.11, calls the core through the table
 * of scardffi.h, and calls Python only for an error, a flow or a virtual card. While the GIL is released, a Py_buffer
 * holds the memory of the caller. No function here looks for signals: what a call has received reaches its caller.
 *
 * Objects are safe for threads without the GIL: after their __init__ they change only by atomic operations. None is
 * visited by the garbage collector, which would otherwise clear a memoryview whose memory is still locked. They hold
 * no object that refers to them, unless the exporter of a buffer does.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdlib.h>
#include <string.h>

#include "pcsc_api.h"
#include "platform.h"
#include "wipe.h"

static const scardffi_api *table; /* atomic; the same for the whole process, and constant */

/* Arguments and errors */

struct parameters {
    const char *function;
    const char *names[3]; /* ends with NULL, or is full */
    int required;
};

/* Put the arguments of a call into `values`, which is zeroed. Returns false with an exception set. */
static bool get_arguments(const struct parameters *parameters, PyObject *const *arguments, Py_ssize_t given,
                          PyObject *keywords, PyObject **values)
{
    int count = 0;
    while (count < 3 && parameters->names[count] != NULL)
        count++;
    if (given > count) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments (%zd given)", parameters->function, count,
                     given);
        return false;
    }
    for (Py_ssize_t i = 0; i < given; i++)
        values[i] = arguments[i];
    Py_ssize_t named = keywords != NULL ? PyTuple_Size(keywords) : 0;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GetItem(keywords, i);
        int place = 0;
        while (place < count && PyUnicode_CompareWithASCIIString(name, parameters->names[place]) != 0)
            place++;
        if (place == count || values[place] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got %s argument '%U'", parameters->function,
                         place == count ? "an unexpected keyword" : "multiple values for", name);
            return false;
        }
        values[place] = arguments[given + i];
    }
    for (int i = 0; i < parameters->required; i++) {
        if (values[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() lacks the argument '%s'", parameters->function, parameters->names[i]);
            return false;
        }
    }
    return true;
}

/* Return NULL with an exception set, after a function in Python that raises one. */
static PyObject *raised(PyObject *result)
{
    if (result != NULL) {
        Py_DECREF(result);
        PyErr_SetString(PyExc_SystemError, "a call failed, but no exception was raised");
    }
    return NULL;
}

/* Raise the exception for the negative result of an exchange; transmit.h describes it. */
static PyObject *raise_failure(PyObject *card, const char *function, int64_t result, Py_ssize_t command_length,
                               Py_ssize_t capacity)
{
    return raised(
        PyObject_CallMethod(card, "_raise_failure", "sLnn", function, (long long)result, command_length, capacity));
}

/* Raise an exception with a better message than the one that PyObject_GetBuffer has set. */
static PyObject *refuse_buffers(PyObject *card, PyObject *command, PyObject *response)
{
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError) &&
        !PyErr_ExceptionMatches(PyExc_BufferError))
        return NULL;
    PyErr_Clear();
    return raised(PyObject_CallMethod(card, "_refuse_buffers", response != NULL ? "(OO)" : "(O)", command, response));
}

/* CardCalls: the base class of the manage object */

struct card {
    PyObject head;
    platform_flag is_made;
    PyObject *native;        /* owns `manage` */
    scardffi_manage *manage; /* atomic; NULL before __init__ */
    unsigned char *spare;    /* atomic; MAX_BUFFER_SIZE_EXTENDED bytes for the next response, NULL: none */
};

static int card_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    struct card *card = (struct card *)self;
    PyObject *native, *address;
    (void)keywords;
    if (!PyArg_ParseTuple(arguments, "OO:CardCalls", &native, &address))
        return -1;
    void *manage = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return -1;
    if (!platform_flag_take(&card->is_made)) { /* calls may be using the first object */
        PyErr_SetString(PyExc_RuntimeError, "__init__() can be called only once");
        return -1;
    }
    Py_INCREF(native);
    card->native = native;
    platform_atomic_store(&card->manage, manage);
    return 0;
}

static void card_dealloc(PyObject *self)
{
    struct card *card = (struct card *)self;
    PyTypeObject *type = Py_TYPE(self);
    free(card->spare);
    Py_XDECREF(card->native);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int64_t exchange(struct card *card, const Py_buffer *command, void *response, size_t capacity)
{
    int64_t length;
    Py_BEGIN_ALLOW_THREADS
    length =
        table->transmit(platform_atomic_load(&card->manage), command->buf, (size_t)command->len, response, capacity);
    Py_END_ALLOW_THREADS
    return length;
}

static const struct parameters transmit_parameters = {"transmit", {"command", "flow"}, 1};

static PyObject *card_transmit(PyObject *self, PyObject *const *arguments, Py_ssize_t given, PyObject *keywords)
{
    struct card *card = (struct card *)self;
    PyObject *values[3] = {NULL};
    if (!get_arguments(&transmit_parameters, arguments, given, keywords, values))
        return NULL;
    int has_flow = values[1] != NULL ? PyObject_IsTrue(values[1]) : 0;
    if (has_flow != 0)
        return has_flow > 0 ? PyObject_CallMethod(self, "_transmit_with_flow", "OO", values[0], values[1]) : NULL;
    Py_buffer command;
    if (PyObject_GetBuffer(values[0], &command, PyBUF_SIMPLE) != 0)
        return refuse_buffers(self, values[0], NULL);
    unsigned char *memory = platform_atomic_exchange(&card->spare, NULL);
    if (memory == NULL)
        memory = malloc(MAX_BUFFER_SIZE_EXTENDED);
    int64_t length = -(int64_t)SCARDFFI_E_OUTOFMEMORY;
    PyObject *response = NULL;
    if (memory != NULL) {
        length = exchange(card, &command, memory, MAX_BUFFER_SIZE_EXTENDED);
        if (length >= 0)
            response = PyBytes_FromStringAndSize((const char *)memory, (Py_ssize_t)length);
        if (!PyBytes_CheckExact(values[0])) /* the command may be secret, and the response may repeat it */
            wipe_memory(memory, length >= 0 ? (size_t)length : MAX_BUFFER_SIZE_EXTENDED);
        free(platform_atomic_exchange(&card->spare, memory));
    }
    Py_ssize_t command_length = command.len;
    PyBuffer_Release(&command);
    if (length >= 0)
        return response;
    return raise_failure(self, "transmit", length, command_length, MAX_BUFFER_SIZE_EXTENDED);
}

static const struct parameters transmit_into_parameters = {"transmit_into", {"command", "response", "flow"}, 2};

static PyObject *card_transmit_into(PyObject *self, PyObject *const *arguments, Py_ssize_t given, PyObject *keywords)
{
    PyObject *values[3] = {NULL};
    if (!get_arguments(&transmit_into_parameters, arguments, given, keywords, values))
        return NULL;
    int has_flow = values[2] != NULL ? PyObject_IsTrue(values[2]) : 0;
    if (has_flow < 0)
        return NULL;
    if (has_flow)
        return PyObject_CallMethod(self, "_transmit_into_with_flow", "OOO", values[0], values[1], values[2]);
    Py_buffer command, response;
    if (PyObject_GetBuffer(values[1], &response, PyBUF_WRITABLE) != 0)
        return refuse_buffers(self, values[0], values[1]);
    if (PyObject_GetBuffer(values[0], &command, PyBUF_SIMPLE) != 0) {
        PyBuffer_Release(&response);
        return refuse_buffers(self, values[0], values[1]);
    }
    int64_t length = exchange((struct card *)self, &command, response.buf, (size_t)response.len);
    Py_ssize_t command_length = command.len, capacity = response.len;
    PyBuffer_Release(&command);
    PyBuffer_Release(&response);
    if (length >= 0)
        return PyLong_FromLongLong(length);
    return raise_failure(self, "transmit_into", length, command_length, capacity);
}

PyDoc_STRVAR(
    transmit_doc,
    "transmit($self, command, flow=0)\n--\n\n"
    "Send a command APDU and return the response. Wraps ``SCardTransmit`` (ISO/IEC 7816-4, clause 5).\n\n"
    "The call cannot be interrupted while the card executes a command. With a flow, Ctrl-C is handled between two\n"
    "commands, at least every 100 ms if no single command takes longer; the exception's ``partial`` has the bytes\n"
    "that arrived. The command is never sent again after an error, because the card may have executed it.\n\n"
    "Args:\n"
    "    command: 1 to 65548 bytes in a contiguous buffer.\n"
    "    flow: a :class:`~scardffi.constants.Flow`, or several: the steps to take after 61xx, after 6Cxx and for an\n"
    "        extended command; none by default. No other call sends a command to the card between these steps.\n\n"
    "Returns:\n"
    "    The response. Its last two bytes are the status word. A response of fewer than two bytes has none; it ends\n"
    "    a flow.\n\n"
    "Raises:\n"
    "    InvalidArgumentError: the command is empty or too long; nothing was sent.\n"
    "    CardStateError: the card was reset, removed or switched off.\n"
    "    ProtocolMismatchError: the owner of a borrowed handle has reconnected it; attach again.\n"
    "    InsufficientBufferError: a response in several parts is longer than 65548 bytes; ``partial`` holds the\n"
    "        bytes that arrived.\n"
    "    CommunicationError: a part of a response, after the first one, has no status word (``code`` is None).\n"
    "    UnexpectedStateError: the object is not attached, or it is detached between two commands of a flow.\n");

PyDoc_STRVAR(
    transmit_into_doc,
    "transmit_into($self, command, response, flow=0)\n--\n\n"
    "Send a command APDU and receive the response in memory of the caller. Wraps ``SCardTransmit``.\n\n"
    "Nothing is copied: the PC/SC library writes into ``response``. Otherwise this works like :meth:`transmit`.\n\n"
    "Args:\n"
    "    command: 1 to 65548 bytes in a contiguous buffer.\n"
    "    response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.\n"
    "    flow: a :class:`~scardffi.constants.Flow`, or several. If a response has several parts, each part is\n"
    "        written after the data that arrived before, over the status word of the previous part.\n\n"
    "Returns:\n"
    "    The length of the response in bytes, status word included.\n\n"
    "Raises:\n"
    "    InsufficientBufferError: the response did not fit. The card has executed the command; ``required`` is the\n"
    "        length that the response needs. With a flow, a further part that would not fit is not requested;\n"
    "        ``arrived`` is the number of data bytes in ``response``.\n"
    "    TypeError: a buffer is not contiguous, or ``response`` is read-only; nothing was sent.\n"
    "    InvalidArgumentError: a length is not allowed, or the buffers overlap; nothing was sent.\n");

/* A METH_FASTCALL function has another type than PyMethodDef says. */
#define FASTCALL(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef card_methods[] = {
    {"transmit", FASTCALL(card_transmit), METH_FASTCALL | METH_KEYWORDS, transmit_doc},
    {"transmit_into", FASTCALL(card_transmit_into), METH_FASTCALL | METH_KEYWORDS, transmit_into_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef card_members[] = {
    {"_native", T_OBJECT_EX, offsetof(struct card, native), READONLY, "The object in C, as a cffi pointer."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot card_slots[] = {
    {Py_tp_doc, "The transmit methods of a manage object.\n\nArgs: the object in C as a cffi pointer; its address."},
    {Py_tp_init, card_init},
    {Py_tp_dealloc, card_dealloc},
    {Py_tp_methods, card_methods},
    {Py_tp_members, card_members},
    {0, NULL},
};

static PyType_Spec card_spec = {
    .name = "scardffi._calls.CardCalls",
    .basicsize = sizeof(struct card),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = card_slots,
};

/* ExchangeCalls: the base class of an exchange with bound buffers */

struct exchange {
    PyObject head;
    platform_flag is_made, is_unlocked;
    unsigned flow;
    PyObject *native;            /* owns the manage object */
    scardffi_exchange *exchange; /* atomic; NULL before __init__ */
    Py_buffer command, response;
};

/* Lock memory until PyBuffer_Release. The lock is on a memoryview of our own, so that a caller can release his. */
static int lock_memory(PyObject *object, Py_buffer *buffer, int flags)
{
    PyObject *view = PyMemoryView_FromObject(object);
    if (view == NULL)
        return -1;
    int result = PyObject_GetBuffer(view, buffer, flags);
    Py_DECREF(view);
    return result;
}

static void unlock_memory(struct exchange *self)
{
    if (platform_flag_take(&self->is_unlocked)) {
        PyBuffer_Release(&self->command);
        PyBuffer_Release(&self->response);
    }
}

static int exchange_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    struct exchange *self = (struct exchange *)object;
    PyObject *card, *address, *command, *response;
    unsigned flow;
    (void)keywords;
    if (!PyArg_ParseTuple(arguments, "OOIOO:ExchangeCalls", &card, &address, &flow, &command, &response))
        return -1;
    void *manage = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return -1;
    if (!platform_flag_take(&self->is_made)) {
        PyErr_SetString(PyExc_RuntimeError, "__init__() can be called only once");
        return -1;
    }
    self->native = PyObject_GetAttrString(card, "_native");
    if (self->native == NULL)
        return -1;
    if (lock_memory(response, &self->response, PyBUF_WRITABLE) != 0 ||
        lock_memory(command, &self->command, PyBUF_SIMPLE) != 0) {
        unlock_memory(self);
        refuse_buffers(card, command, response);
        return -1;
    }
    scardffi_exchange *made = NULL;
    Py_ssize_t length = self->command.len, capacity = self->response.len;
    uint32_t hresult = table->exchange_new(manage, flow, self->command.buf, (size_t)length, self->response.buf,
                                           (size_t)capacity, &made);
    if (hresult != SCARDFFI_OK) {
        unlock_memory(self);
        raise_failure(card, "exchange", -(int64_t)hresult, length, capacity);
        return -1;
    }
    self->flow = flow;
    platform_atomic_store(&self->exchange, made);
    return 0;
}

static void exchange_dealloc(PyObject *object)
{
    struct exchange *self = (struct exchange *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->exchange != NULL) {
        Py_BEGIN_ALLOW_THREADS /* it may wait for a command that a card in Python executes */
        table->exchange_free(self->exchange);
        Py_END_ALLOW_THREADS
    }
    unlock_memory(self);
    Py_XDECREF(self->native);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static int64_t send(scardffi_exchange *exchange)
{
    int64_t length;
    Py_BEGIN_ALLOW_THREADS
    length = table->exchange_send(exchange);
    Py_END_ALLOW_THREADS
    return length;
}

static PyObject *exchange_call(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    struct exchange *self = (struct exchange *)object;
    scardffi_exchange *made = platform_atomic_load(&self->exchange);
    if (made == NULL || self->flow != 0 || keywords != NULL || PyTuple_Size(arguments) > 0) {
        PyObject *call = PyObject_GetAttrString(object, "_call");
        PyObject *result = call != NULL ? PyObject_Call(call, arguments, keywords) : NULL;
        Py_XDECREF(call);
        return result;
    }
    int64_t length = send(made);
    return length >= 0 ? PyLong_FromLongLong(length)
                       : raised(PyObject_CallMethod(object, "_raise_failure", "L", (long long)length));
}

static PyObject *exchange_unchecked(PyObject *object, PyObject *ignored)
{
    struct exchange *self = (struct exchange *)object;
    scardffi_exchange *made = platform_atomic_load(&self->exchange);
    (void)ignored;
    if (made == NULL || self->flow != 0)
        return PyObject_CallMethod(object, "_complete", NULL);
    return PyLong_FromLongLong(send(made));
}

static PyObject *exchange_unlock(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    unlock_memory((struct exchange *)object);
    Py_RETURN_NONE;
}

static PyObject *exchange_address(PyObject *object, void *ignored)
{
    (void)ignored;
    return PyLong_FromVoidPtr(platform_atomic_load(&((struct exchange *)object)->exchange));
}

PyDoc_STRVAR(unchecked_doc,
             "unchecked($self)\n--\n\n"
             "Send the command as a call of the object does. Return the length of the response in bytes or, if the\n"
             "call would raise, the negated HRESULT.");

static PyMethodDef exchange_methods[] = {
    {"unchecked", exchange_unchecked, METH_NOARGS, unchecked_doc},
    {"_unlock", exchange_unlock, METH_NOARGS, "_unlock($self)\n--\n\nUnlock the buffers."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef exchange_getters[] = {
    {"_address", exchange_address, NULL, "The address of the object in C.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot exchange_slots[] = {
    {Py_tp_doc, "The calls of an exchange with bound buffers.\n\n"
                "Args: the card; the address of its object in C; the flow; the command; the response."},
    {Py_tp_init, exchange_init},
    {Py_tp_dealloc, exchange_dealloc},
    {Py_tp_call, exchange_call},
    {Py_tp_methods, exchange_methods},
    {Py_tp_getset, exchange_getters},
    {0, NULL},
};

static PyType_Spec exchange_spec = {
    .name = "scardffi._calls.ExchangeCalls",
    .basicsize = sizeof(struct exchange),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = exchange_slots,
};

/* The function behind Library.SCardTransmit */

/* Get an int of at most `bytes` bytes. Returns false, without an exception, for everything else and for a bool. */
static bool get_number(PyObject *object, size_t bytes, long long *number)
{
    if (!PyLong_Check(object) || PyBool_Check(object))
        return false;
    *number = PyLong_AsLongLong(object);
    if (*number == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return bytes > 4 || (*number >= INT32_MIN && *number <= (long long)UINT32_MAX);
}

static PyObject *raw_transmit(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    if (given != 5) {
        PyErr_SetString(PyExc_TypeError, "transmit() takes 5 arguments");
        return NULL;
    }
    scardffi_library *library = PyLong_AsVoidPtr(arguments[0]);
    if (PyErr_Occurred())
        return NULL;
    char detail[512];
    long long handle, protocol;
    Py_buffer command, response;
    if ((library == NULL && table->library_open_default(&library, detail, sizeof detail) != 0) ||
        !get_number(arguments[1], sizeof(SCARDHANDLE), &handle) || !get_number(arguments[2], 4, &protocol) ||
        protocol < 0)
        Py_RETURN_NONE;
    if (PyObject_GetBuffer(arguments[4], &response, PyBUF_WRITABLE) != 0) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    if (PyObject_GetBuffer(arguments[3], &command, PyBUF_SIMPLE) != 0) {
        PyErr_Clear();
        PyBuffer_Release(&response);
        Py_RETURN_NONE;
    }
    bool is_long = (uint64_t)command.len > UINT32_MAX || (uint64_t)response.len > UINT32_MAX;
    uint32_t code = 0;
    DWORD received = (DWORD)response.len;
    if (!is_long) {
        SCARD_IO_REQUEST pci = {(DWORD)protocol, sizeof pci};
        Py_BEGIN_ALLOW_THREADS
        code = (uint32_t)library->SCardTransmit((SCARDHANDLE)handle, &pci, command.buf, (DWORD)command.len, NULL,
                                                response.buf, &received);
        Py_END_ALLOW_THREADS
        if (code == SCARD_S_SUCCESS && received > (uint64_t)response.len)
            code = PCSC_IMPOSSIBLE_ANSWER;
    }
    PyBuffer_Release(&command);
    PyBuffer_Release(&response);
    if (is_long)
        Py_RETURN_NONE;
    return Py_BuildValue("(kk)", (unsigned long)code, (unsigned long)received);
}

PyDoc_STRVAR(raw_transmit_doc,
             "transmit($module, library, card, protocol, command, response, /)\n--\n\n"
             "SCardTransmit of the library at this address; 0 for the default library. Return (code, length). Return\n"
             "None, without a call, if an argument has an unusual type or value, or if no library can be loaded.");

/* The function behind compat.scard.SCardTransmit */

static unsigned char *list_memory; /* atomic; MAX_BUFFER_SIZE_EXTENDED bytes for the next response, NULL: none */

/* Return bytes as a list of ints, or NULL with an exception set. */
static PyObject *list_of_ints(const unsigned char *bytes, Py_ssize_t length)
{
    PyObject *list = PyList_New(length);
    for (Py_ssize_t i = 0; list != NULL && i < length; i++) {
        PyObject *number = PyLong_FromLong(bytes[i]);
        if (number == NULL || PyList_SetItem(list, i, number) != 0)
            Py_CLEAR(list);
    }
    return list;
}

/* Return [code, [byte, ...]]. Steals a reference to the list, which is NULL after an error. */
static PyObject *code_and_list(uint32_t code, PyObject *list)
{
    PyObject *pair = list != NULL ? PyList_New(2) : NULL;
    PyObject *number = sizeof(LONG) == 4 ? PyLong_FromLong((int32_t)code) : PyLong_FromUnsignedLong(code);
    if (pair == NULL || number == NULL) {
        Py_XDECREF(pair);
        Py_XDECREF(number);
        Py_XDECREF(list);
        return NULL;
    }
    PyList_SetItem(pair, 0, number);
    PyList_SetItem(pair, 1, list);
    return pair;
}

static PyObject *transmit_list(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    if (given != 3) {
        PyErr_SetString(PyExc_TypeError, "transmit_list() takes 3 arguments");
        return NULL;
    }
    char detail[512];
    scardffi_library *library;
    long long handle, protocol;
    if (!get_number(arguments[0], sizeof(SCARDHANDLE), &handle) || !get_number(arguments[1], 4, &protocol) ||
        (protocol != SCARD_PROTOCOL_T0 && protocol != SCARD_PROTOCOL_T1 && protocol != SCARD_PROTOCOL_RAW) ||
        table->library_open_default(&library, detail, sizeof detail) != 0)
        Py_RETURN_NONE;
    bool is_copied = PyList_CheckExact(arguments[2]) || PyTuple_CheckExact(arguments[2]);
    PyObject *source = is_copied ? PyBytes_FromObject(arguments[2]) : arguments[2];
    Py_buffer command;
    if (source == NULL || PyObject_GetBuffer(source, &command, PyBUF_SIMPLE) != 0) {
        if (source == NULL && PyErr_ExceptionMatches(PyExc_MemoryError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    PyObject *answer = NULL;
    unsigned char *memory = platform_atomic_exchange(&list_memory, NULL);
    if (memory == NULL)
        memory = malloc(MAX_BUFFER_SIZE_EXTENDED);
    bool is_sent = memory != NULL && command.len > 0 && (uint64_t)command.len <= UINT32_MAX;
    if (is_sent) {
        uint32_t code;
        DWORD received = MAX_BUFFER_SIZE_EXTENDED;
        SCARD_IO_REQUEST pci = {(DWORD)protocol, sizeof pci};
        Py_BEGIN_ALLOW_THREADS
        code = (uint32_t)library->SCardTransmit((SCARDHANDLE)handle, &pci, command.buf, (DWORD)command.len, NULL,
                                                memory, &received);
        Py_END_ALLOW_THREADS
        if (received > MAX_BUFFER_SIZE_EXTENDED)
            received = MAX_BUFFER_SIZE_EXTENDED;
        answer = code_and_list(code, list_of_ints(memory, code == 0 ? (Py_ssize_t)received : 0));
        wipe_memory(memory, code == 0 ? (size_t)received : MAX_BUFFER_SIZE_EXTENDED);
    }
    free(platform_atomic_exchange(&list_memory, memory));
    if (is_copied && command.len > 1) /* Python shares the bytes objects of length 0 and 1 */
        wipe_memory(command.buf, (size_t)command.len);
    PyBuffer_Release(&command);
    if (is_copied)
        Py_DECREF(source);
    if (is_sent)
        return answer;
    if (memory == NULL)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    transmit_list_doc,
    "transmit_list($module, card, protocol, command, /)\n--\n\n"
    "SCardTransmit of the default library. Return [code, [byte, ...]] for a command that is a list, a tuple or\n"
    "a buffer. Return None, without a call, if an argument has an unusual type or value, or if no library can\n"
    "be loaded.");

/* Cards in Python, for the virtual PC/SC library */

static PyObject *answer_command; /* atomic; answers the commands for these cards; never released */

/* The function `transmit` of struct scardvirtual_card in scardvirtual.h. */
static void transmit_to_card(uintptr_t key, const unsigned char *command, size_t length, unsigned char *response,
                             size_t room, int64_t *result)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *function = platform_atomic_load(&answer_command);
    PyObject *answer = PyObject_CallFunction(function, "Ky#", (unsigned long long)key,
                                             command != NULL ? (const char *)command : "", (Py_ssize_t)length);
    char *bytes;
    Py_ssize_t size;
    if (answer != NULL && PyLong_Check(answer)) {
        *result = PyLong_AsLongLong(answer);
    } else if (answer != NULL && PyBytes_AsStringAndSize(answer, &bytes, &size) == 0) {
        if ((size_t)size <= room)
            memcpy(response, bytes, (size_t)size);
        *result = size;
    }
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(function);
    Py_XDECREF(answer);
    PyGILState_Release(state);
}

static PyObject *card_function(PyObject *module, PyObject *function)
{
    (void)module;
    Py_INCREF(function);
    platform_atomic_store(&answer_command, function);
    return PyLong_FromVoidPtr((void *)(uintptr_t)transmit_to_card);
}

PyDoc_STRVAR(card_function_doc,
             "card_function($module, answer, /)\n--\n\n"
             "Return the address of the C function by which the virtual PC/SC library sends a command to a card in\n"
             "Python. For each command it calls answer(key, command), which returns bytes, or minus a return code.");

/* The module */

static PyObject *use_table(PyObject *module, PyObject *address)
{
    (void)module;
    const scardffi_api *given = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return NULL;
    if (given == NULL || given->size < sizeof *given || given->version != SCARDFFI_VERSION) {
        PyErr_SetString(PyExc_ImportError,
                        "the compiled modules of scardffi are of different versions; install it anew");
        return NULL;
    }
    platform_atomic_store(&table, given);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"use_table", use_table, METH_O,
     "use_table($module, address, /)\n--\n\nUse the table of scardffi.h at an address."},
    {"transmit", FASTCALL(raw_transmit), METH_FASTCALL, raw_transmit_doc},
    {"transmit_list", FASTCALL(transmit_list), METH_FASTCALL, transmit_list_doc},
    {"card_function", card_function, METH_O, card_function_doc},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int result = type != NULL ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    if (result != 0 && PyErr_Occurred() == NULL) /* Python 3.12, without memory */
        PyErr_NoMemory();
    return result;
}

static int add_types(PyObject *module)
{
    return add_type(module, &card_spec) == 0 ? add_type(module, &exchange_spec) : -1;
}

/* Cards in Python are called in the main interpreter, whichever one they belong to. */
static int refuse_sub_interpreters(PyObject *module)
{
    (void)module;
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0)
        return 0;
    PyErr_SetString(PyExc_ImportError, "scardffi._calls does not support loading in subinterpreters");
    return -1;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, refuse_sub_interpreters},
    {Py_mod_exec, add_types},
#ifdef Py_MOD_GIL_NOT_USED /* Python 3.15 defines Py_mod_gil for the limited API of older versions too */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,  .m_name = "scardffi._calls", .m_doc = "The calls of the transmit loop.",
    .m_methods = functions, .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__calls(void)
{
    return PyModuleDef_Init(&module_definition);
}
