/* A C program that opens a card itself, embeds Python and hands its handle over; then it goes on with the handle.
 *
 * Arguments: the PC/SC library, the reader. Prints what Python printed, and then its own answer of the card. */
#include <Python.h>

#include <dlfcn.h>
#include <stdio.h>

#include "scardffi.h"

typedef LONG establish_function(DWORD, const void *, const void *, SCARDCONTEXT *);
typedef LONG connect_function(SCARDCONTEXT, const char *, DWORD, DWORD, SCARDHANDLE *, DWORD *);

static const unsigned char READ_FOUR[] = {0x00, 0xB0, 0x00, 0x00, 0x04};

static const char PYTHON[] = "import sys\n"
                             "from scardffi import Library, SCardManage\n"
                             "def use(path, handle):\n"
                             "    with SCardManage(Library(path)).attach_by_handle(handle) as card:\n"
                             "        print(card.status().reader, card.transmit(bytes.fromhex('00B0000004')).hex())\n"
                             "    sys.stdout.flush()\n";

/* Let Python use the card by its handle. Returns 0 if Python raised an exception. */
static int python_uses(const char *path, SCARDHANDLE handle)
{
    PyObject *module = PyImport_AddModule("__main__");
    PyObject *answer = NULL;

    if (PyRun_SimpleString(PYTHON) == 0)
        answer = PyObject_CallMethod(module, "use", "sL", path, (long long)handle);
    if (answer == NULL)
        PyErr_Print();
    Py_XDECREF(answer);
    return answer != NULL;
}

/* Attaches to the same handle by the table, and prints the card's answer. */
static int c_uses(const char *path, SCARDHANDLE handle)
{
    const scardffi_api *api = scardffi_import();
    scardffi_library *library;
    scardffi_manage *manage;
    unsigned char response[6];
    char detail[512];
    uint32_t said;
    int64_t length = -1;

    if (api == NULL || api->library_open(path, &library, detail, sizeof detail) != 0 ||
        api->manage_new(library, &manage) != SCARDFFI_OK)
        return 0;
    if (api->attach_by_handle(manage, handle, 0, 0, &said) == SCARDFFI_OK)
        length = api->transmit(manage, READ_FOUR, sizeof READ_FOUR, response, sizeof response);
    api->manage_free(manage);
    for (int64_t i = 0; i < length; i++)
        printf("%02x", response[i]);
    printf("\n");
    return length > 0;
}

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    establish_function *establish;
    connect_function *connect;
    SCARDCONTEXT context;
    SCARDHANDLE handle;
    DWORD protocol;
    int served;

    if (library == NULL)
        return 2;
    *(void **)&establish = dlsym(library, "SCardEstablishContext");
    *(void **)&connect = dlsym(library, "SCardConnect");
    if (establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != 0 ||
        connect(context, argv[2], SCARD_SHARE_SHARED, 3, &handle, &protocol) != 0)
        return 3;
    Py_Initialize();
    served = python_uses(argv[1], handle) && c_uses(argv[1], handle);
    return Py_FinalizeEx() == 0 && served ? 0 : 1;
}
