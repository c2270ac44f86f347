/* A C extension that has scardffi's table through the capsule: it opens cards itself, and drives an exchange of
 * Python's. Nothing but the arguments and results needs the interpreter. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "pcsc_abi.h"
#include "scardffi.h"

static const scardffi_api *api;

static const unsigned char READ_FOUR[] = {0x00, 0xB0, 0x00, 0x00, 0x04};

/* Attach to the card in a reader and send it READ BINARY `count` times. Return an HRESULT, the number of bytes
 * received, and, if `response` is too short, the length that the response needs. */
static uint32_t read_many(const char *reader, unsigned long count, uint64_t *total, uint32_t *required)
{
    scardffi_library *library;
    scardffi_manage *manage;
    char detail[512];
    unsigned char response[6];
    int64_t received;
    uint32_t result;

    *total = *required = 0;
    if (api->library_open_default(&library, detail, sizeof detail) != 0)
        return SCARDFFI_E_UNEXPECTED;
    result = api->manage_new(library, &manage);
    if (result != SCARDFFI_OK)
        return result;
    result = api->attach_by_ifd(manage, SCARD_SCOPE_SYSTEM, reader, SCARD_SHARE_SHARED,
                                SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1);
    if (result == SCARDFFI_OK) {
        for (; count > 0 && result == SCARDFFI_OK; count--) {
            received = api->transmit(manage, READ_FOUR, sizeof READ_FOUR, response, sizeof response);
            result = scardffi_hresult(received);
            if (result == SCARDFFI_OK)
                *total += (uint64_t)received;
            else
                *required = scardffi_required(received);
        }
        api->detach(manage, SCARD_LEAVE_CARD);
    }
    api->manage_free(manage);
    return result;
}

static PyObject *raise_failure(uint32_t hresult, uint32_t required)
{
    return PyErr_Format(PyExc_OSError, "HRESULT 0x%x, %u bytes needed", hresult, required);
}

static PyObject *read_on(PyObject *module, PyObject *arguments)
{
    const char *reader;
    unsigned long count;
    uint64_t total;
    uint32_t result, required;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "sk", &reader, &count))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    result = read_many(reader, count, &total, &required);
    Py_END_ALLOW_THREADS
    if (result != SCARDFFI_OK)
        return raise_failure(result, required);
    return PyLong_FromUnsignedLongLong(total);
}

/* Send an exchange `count` times. Python has made the exchange. The arguments are its address and the count. Return the
 * number of bytes received. */
static PyObject *drive(PyObject *module, PyObject *arguments)
{
    PyObject *address;
    scardffi_exchange *exchange;
    unsigned long count;
    int64_t total = 0, received = 0;
    uint32_t result;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "Ok", &address, &count))
        return NULL;
    exchange = PyLong_AsVoidPtr(address);
    if (exchange == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    for (; count > 0 && received >= 0; count--) {
        received = api->exchange_send(exchange);
        total += received;
    }
    Py_END_ALLOW_THREADS
    result = scardffi_hresult(received);
    if (result != SCARDFFI_OK)
        return raise_failure(result, result == SCARD_E_INSUFFICIENT_BUFFER ? api->exchange_required(exchange) : 0);
    return PyLong_FromLongLong(total);
}

/* Open a card by PC/SC's own functions; return (context, handle), for Python to attach to. */
static PyObject *open_card(PyObject *module, PyObject *arguments)
{
    const char *reader;
    SCARDCONTEXT context;
    SCARDHANDLE handle;
    DWORD protocol;
    LONG code;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "s", &reader))
        return NULL;
    code = api->SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (code == 0)
        code = api->SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle,
                                 &protocol);
    if (code != 0)
        return PyErr_Format(PyExc_RuntimeError, "PC/SC returned 0x%lx", (unsigned long)code);
    return Py_BuildValue("LL", (long long)context, (long long)handle);
}

static PyMethodDef methods[] = {
    {"read_on", read_on, METH_VARARGS, "read_on(reader, count) -> bytes received"},
    {"drive", drive, METH_VARARGS, "drive(exchange, count) -> bytes received"},
    {"open_card", open_card, METH_VARARGS, "open_card(reader) -> (context, handle)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "c_extension",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_c_extension(void)
{
    api = scardffi_import();
    return api != NULL ? PyModule_Create(&definition) : NULL;
}
