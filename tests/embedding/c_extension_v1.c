/* A C extension as it was written for scardffi_v1.h. It shows that such programs work with the present table; it does
 * not change. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "scardffi.h"

static const scardffi_api *api;

static const unsigned char READ_FOUR[] = {0x00, 0xB0, 0x00, 0x00, 0x04};

/* Attach to the card in the reader and send it READ BINARY `count` times; bytes received, or minus an HRESULT. */
static int64_t read_many(const char *reader, unsigned long count)
{
    scardffi_library *library;
    scardffi_manage *manage;
    char detail[512];
    unsigned char response[6];
    int64_t total = 0, received;
    uint32_t result;

    if (api->library_open_default(&library, detail, sizeof detail) != 0)
        return -(int64_t)SCARDFFI_E_UNEXPECTED;
    result = api->manage_new(library, &manage);
    if (result != SCARDFFI_OK)
        return -(int64_t)result;
    result = api->attach_by_ifd(manage, 2, reader, 2, 3); /* system scope, shared, T=0 or T=1 */
    if (result == SCARDFFI_OK) {
        for (; count > 0 && total >= 0; count--) {
            received = api->transmit(manage, READ_FOUR, sizeof READ_FOUR, response, sizeof response);
            total = received < 0 ? received : total + received;
        }
        api->detach(manage, 0);
    }
    api->manage_free(manage);
    return result == SCARDFFI_OK ? total : -(int64_t)result;
}

static PyObject *read_on(PyObject *module, PyObject *arguments)
{
    const char *reader;
    unsigned long count;
    int64_t total;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "sk", &reader, &count))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    total = read_many(reader, count);
    Py_END_ALLOW_THREADS
    return PyLong_FromLongLong(total);
}

/* Send an exchange `count` times. Python has made the exchange. The arguments are its address and the count. */
static PyObject *drive(PyObject *module, PyObject *arguments)
{
    PyObject *address;
    scardffi_exchange *exchange;
    unsigned long count;
    int64_t total = 0, received;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "Ok", &address, &count))
        return NULL;
    exchange = PyLong_AsVoidPtr(address);
    if (exchange == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    for (; count > 0 && total >= 0; count--) {
        received = api->exchange_send(exchange);
        total = received < 0 ? received : total + received;
    }
    Py_END_ALLOW_THREADS
    return PyLong_FromLongLong(total);
}

static PyMethodDef methods[] = {
    {"read_on", read_on, METH_VARARGS, "read_on(reader, count) -> bytes received"},
    {"drive", drive, METH_VARARGS, "drive(exchange, count) -> bytes received"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "c_extension_v1",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_c_extension_v1(void)
{
    api = scardffi_import();
    return api != NULL ? PyModule_Create(&definition) : NULL;
}
