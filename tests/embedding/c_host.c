/* A C program that opens a card by PC/SC's own functions, embeds Python and lends it the handle; then it uses the
 * handle through scardffi's table.
 *
 * Arguments: the Python program of the environment that has scardffi, and the reader. Prints what Python prints, and
 * then its own response of the card. */
#include <Python.h>

#include <stdio.h>

#include <winscard.h>

#include "scardffi.h"

static const unsigned char READ_FOUR[] = {0x00, 0xB0, 0x00, 0x00, 0x04};

static const char PYTHON[] = "import sys\n"
                             "from scardffi import SCardManage\n"
                             "def use(handle):\n"
                             "    with SCardManage().attach_by_handle(handle) as card:\n"
                             "        print(card.status().reader, card.transmit(bytes.fromhex('00B0000004')).hex())\n"
                             "    sys.stdout.flush()\n";

/* Start Python as this program does: with the packages of its environment. Return 0 if that fails. */
static int start_python(const char *program)
{
    PyConfig config;
    PyStatus status;

    PyConfig_InitPythonConfig(&config);
    status = PyConfig_SetBytesString(&config, &config.program_name, program);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        fprintf(stderr, "%s\n", status.err_msg);
    return !PyStatus_Exception(status);
}

/* Let Python use the card by its handle. Return 0 if Python has raised an exception. */
static int python_uses(SCARDHANDLE handle)
{
    PyObject *module = PyImport_AddModule("__main__");
    PyObject *result = NULL;

    if (PyRun_SimpleString(PYTHON) == 0)
        result = PyObject_CallMethod(module, "use", "L", (long long)handle);
    if (result == NULL)
        PyErr_Print();
    Py_XDECREF(result);
    return result != NULL;
}

/* Attach to the same handle by the table, and print the card's response. Return 0 if that fails. */
static int c_uses(SCARDHANDLE handle)
{
    const scardffi_api *api = scardffi_import();
    scardffi_library *library;
    scardffi_manage *manage;
    unsigned char response[6];
    char detail[512];
    uint32_t code;
    int64_t length = -1;

    if (api == NULL || api->library_open_default(&library, detail, sizeof detail) != 0 ||
        api->manage_new(library, &manage) != SCARDFFI_OK)
        return 0;
    if (api->attach_by_handle(manage, handle, 0, 0, &code) == SCARDFFI_OK) {
        length = api->transmit(manage, READ_FOUR, sizeof READ_FOUR, response, sizeof response);
        api->detach(manage, SCARD_LEAVE_CARD);
    }
    api->manage_free(manage);
    for (int64_t i = 0; i < length; i++)
        printf("%02x", response[i]);
    printf("\n");
    return length > 0;
}

int main(int argc, char **argv)
{
    SCARDCONTEXT context;
    SCARDHANDLE handle;
    DWORD protocol;
    int is_done;

    if (argc != 3 || SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
        return 2;
    if (SCardConnect(context, argv[2], SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle, &protocol) !=
        SCARD_S_SUCCESS)
        return 3;
    is_done = start_python(argv[1]) && python_uses(handle) && c_uses(handle) && Py_FinalizeEx() == 0;
    SCardReleaseContext(context);
    return is_done ? 0 : 1;
}
