/* scardffi for C, and for every language that can call C: one table of function pointers.
 *
 * No function needs Python's GIL or uses Python objects. Any thread may call any function; scardffi's documentation has
 * the rules for threads, waiting and lifetime. New functions are only added at the end of the table. `size` is the size
 * of the table in use, so a program that was compiled with an older header works with a newer table. All functions have
 * the compiler's default calling convention (cdecl on Windows).
 *
 * A C extension gets the table from scardffi_import(), which is declared if Python.h was included before this header.
 * Other programs get its address from scardffi.embed. If the platform's own winscard.h was included before this header,
 * its types are used.
 */
#ifndef SCARDFFI_H
#define SCARDFFI_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__winscard_h__) && !defined(_WINSCARD_H_) && !defined(_WINSCARD_H)
#  include "pcsc_abi.h"
#endif

#define SCARDFFI_VERSION 1 /* of the table in this header */
#define SCARDFFI_CAPSULE "scardffi.C_API"

/* HRESULTs. A code 0x8010xxxx of the resource manager is an HRESULT already and is returned unchanged. */
#define SCARDFFI_OK 0u
#define SCARDFFI_E_INVALIDARG 0x80070057u /* not a valid handle, length or flag */
#define SCARDFFI_E_OUTOFMEMORY 0x8007000Eu
#define SCARDFFI_E_POINTER 0x80004003u
#define SCARDFFI_E_FAIL 0x80004005u       /* a part of the card's response has no status word */
#define SCARDFFI_E_UNEXPECTED 0x8000FFFFu /* attached already, not attached, in use, or from before a fork */

/* flow: optional steps of an exchange, done only if their flag is set */
#define SCARDFFI_FLOW_GET_RESPONSE 1u /* after 61xx, fetch the rest */
#define SCARDFFI_FLOW_CORRECT_LE 2u   /* after 6Cxx, send the command again with Le = xx */
#define SCARDFFI_FLOW_CHAIN 4u        /* send an extended command as short ones */

#ifdef __cplusplus
extern "C" {
#endif

/* [declarations] that Python sees */

/* Results of library_open, besides 0 */
#define SCARDFFI_LIBRARY_NOT_FOUND 1
#define SCARDFFI_LIBRARY_NOT_LOADABLE 2
#define SCARDFFI_LIBRARY_MISSING_SYMBOL 3
#define SCARDFFI_LIBRARY_NO_MEMORY 4

/* Results of script_step */
#define SCARDFFI_SCRIPT_DONE 0
#define SCARDFFI_SCRIPT_MORE 1   /* the time is over: call script_step again, or free the run */
#define SCARDFFI_SCRIPT_FAILED 2 /* the command at script_run_index failed with script_run_failure */

typedef struct scardffi_library scardffi_library;   /* a loaded PC/SC library; lives as long as the process */
typedef struct scardffi_manage scardffi_manage;     /* the manage object: SCardManage.native */
typedef struct scardffi_exchange scardffi_exchange; /* an exchange with its buffers: Exchange.native */
typedef struct scardffi_script scardffi_script;     /* packed commands, for any number of runs */
typedef struct scardffi_run scardffi_run;           /* one run of a script */

typedef struct scardffi_api {
    uint32_t size;    /* of the table, in bytes */
    uint32_t version; /* SCARDFFI_VERSION of the header that it was built with */

    /* One exchange. Each function returns the length of the response, including the status word, or, for a failure, a
     * negative number. The absolute value of that has the HRESULT in its lower 32 bits. After
     * SCARD_E_INSUFFICIENT_BUFFER the card has executed the command, and the upper bits are the length that the
     * response needs, or 0 if it is unknown. */
    int64_t (*transmit)(scardffi_manage *manage, const unsigned char *command, size_t command_length,
                        unsigned char *response, size_t capacity);
    /* The caller keeps the buffers and the manage object in place until exchange_free. Only one thread at a time can
     * use an exchange. For a failure, exchange_send and exchange_send_part return only minus the HRESULT.
     * exchange_send_part sends the first `length` bytes of the command. exchange_sw returns the last status word, or 0
     * if there is none.
     *
     * With a flow, one call sends as many commands as the card asks for, and a card can ask for very many. If another
     * thread calls detach, the call ends before the next command, with SCARDFFI_E_UNEXPECTED. */
    uint32_t (*exchange_new)(scardffi_manage *manage, unsigned flow, const unsigned char *command,
                             size_t command_length, unsigned char *response, size_t capacity,
                             scardffi_exchange **exchange);
    void (*exchange_free)(scardffi_exchange *exchange);
    int64_t (*exchange_send)(scardffi_exchange *exchange);
    int64_t (*exchange_send_part)(scardffi_exchange *exchange, size_t length);
    uint32_t (*exchange_sw)(const scardffi_exchange *exchange);

    /* Load the PC/SC library of this path or name. If `path` is NULL, load the one that SCARDFFI_LIBRARY names, or the
     * platform's. Opening the same library again returns the same pointer. Returns 0, or one of SCARDFFI_LIBRARY_* and
     * writes a text to `detail`. */
    int (*library_open)(const char *path, scardffi_library **library, char *detail, size_t detail_size);
    /* The default library of the process, which Python's objects use. It is loaded now if it is not loaded yet. */
    int (*library_open_default)(scardffi_library **library, char *detail, size_t detail_size);
    const char *(*library_path)(const scardffi_library *library);

    /* The manage object. Each function returns an HRESULT. manage_free never blocks; an attached handle stays open. */
    uint32_t (*manage_new)(const scardffi_library *library, scardffi_manage **manage);
    void (*manage_free)(scardffi_manage *manage);
    /* If `owned` is not 0, detach disconnects the handle. `share_mode` is 0 if it is unknown. `*code` is set to the
     * resource manager's return code if it refuses the handle, otherwise to 0. */
    uint32_t (*attach_by_handle)(scardffi_manage *manage, SCARDHANDLE handle, int owned, uint32_t share_mode,
                                 uint32_t *code);
    /* Connect on a new native context of `scope`, which belongs to this attachment. */
    uint32_t (*attach_by_ifd)(scardffi_manage *manage, uint32_t scope, const char *reader, uint32_t share_mode,
                              uint32_t protocols);
    uint32_t (*detach)(scardffi_manage *manage, uint32_t disposition);
    /* If `share_mode` is 0, the share mode of the attachment is used. */
    uint32_t (*reconnect)(scardffi_manage *manage, uint32_t share_mode, uint32_t protocols, uint32_t initialization);
    uint32_t (*lock)(scardffi_manage *manage);
    uint32_t (*unlock)(scardffi_manage *manage, uint32_t disposition);
    /* `reader` and `atr` may be NULL. If they are not NULL, set the length of each to its capacity; the call changes it
     * to the real length. */
    uint32_t (*status)(scardffi_manage *manage, uint32_t *state, uint32_t *protocol, char *reader,
                       uint32_t *reader_length, unsigned char *atr, uint32_t *atr_length);
    /* Returns 1 and the card handle, or 0 if the object is not attached. */
    int (*handle)(const scardffi_manage *manage, SCARDHANDLE *handle);

    /* Many commands in one call. `packed` has the commands one after the other, and `lengths` the length of each. Both
     * are copied. A run keeps the replies of its last pass, or of every pass if `keep_all` is not 0. The number of kept
     * replies is script_run_count. Reply i is in the arena from offset script_run_offsets[i] to
     * script_run_offsets[i + 1]. The arena exists until script_run_free. script_run_new returns NULL if memory is
     * exhausted.
     *
     * script_step returns after about `milliseconds`, or when one command has ended if that takes longer. With a flow
     * it may return in the middle of a response. Then no other call sends a command to the card until script_step or
     * script_run_free is called for this run, or the card is detached. */
    uint32_t (*script_new)(size_t count, const unsigned char *packed, const uint32_t *lengths, unsigned flow,
                           scardffi_script **script);
    void (*script_free)(scardffi_script *script);
    scardffi_run *(*script_run_new)(const scardffi_script *script, scardffi_manage *manage, uint64_t repeat,
                                    int keep_all, int timed);
    void (*script_run_free)(scardffi_run *run);
    int (*script_step)(scardffi_run *run, uint32_t milliseconds);
    size_t (*script_run_index)(const scardffi_run *run);
    int64_t (*script_run_failure)(const scardffi_run *run);
    size_t (*script_run_count)(const scardffi_run *run);
    unsigned char *(*script_run_arena)(const scardffi_run *run);
    const size_t *(*script_run_offsets)(const scardffi_run *run);
    const uint64_t *(*script_run_elapsed)(const scardffi_run *run); /* nanoseconds of each reply; NULL if not timed */

    /* PC/SC's functions on the default library. They return the library's own codes, SCARD_E_NO_SERVICE if there is no
     * PC/SC library, or SCARD_E_UNSUPPORTED_FEATURE if the library lacks the function. */
    LONG (*SCardEstablishContext)(DWORD scope, const void *reserved1, const void *reserved2, SCARDCONTEXT *context);
    LONG (*SCardReleaseContext)(SCARDCONTEXT context);
    LONG (*SCardIsValidContext)(SCARDCONTEXT context);
    LONG (*SCardConnect)(SCARDCONTEXT context, const char *reader, DWORD share_mode, DWORD protocols,
                         SCARDHANDLE *handle, DWORD *protocol);
    LONG (*SCardReconnect)(SCARDHANDLE handle, DWORD share_mode, DWORD protocols, DWORD initialization,
                           DWORD *protocol);
    LONG (*SCardDisconnect)(SCARDHANDLE handle, DWORD disposition);
    LONG (*SCardBeginTransaction)(SCARDHANDLE handle);
    LONG (*SCardEndTransaction)(SCARDHANDLE handle, DWORD disposition);
    LONG (*SCardStatus)(SCARDHANDLE handle, char *reader, DWORD *reader_length, DWORD *state, DWORD *protocol,
                        unsigned char *atr, DWORD *atr_length);
    LONG (*SCardGetStatusChange)(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count);
    LONG (*SCardControl)(SCARDHANDLE handle, DWORD control_code, const void *command, DWORD command_length,
                         void *response, DWORD capacity, DWORD *received);
    LONG (*SCardTransmit)(SCARDHANDLE handle, const SCARD_IO_REQUEST *send_pci, const unsigned char *command,
                          DWORD command_length, SCARD_IO_REQUEST *receive_pci, unsigned char *response,
                          DWORD *received);
    LONG (*SCardListReaderGroups)(SCARDCONTEXT context, char *groups, DWORD *length);
    LONG (*SCardListReaders)(SCARDCONTEXT context, const char *groups, char *readers, DWORD *length);
    LONG (*SCardFreeMemory)(SCARDCONTEXT context, const void *memory);
    LONG (*SCardCancel)(SCARDCONTEXT context);
    LONG (*SCardGetAttrib)(SCARDHANDLE handle, DWORD attribute, unsigned char *value, DWORD *length);
    LONG (*SCardSetAttrib)(SCARDHANDLE handle, DWORD attribute, const unsigned char *value, DWORD length);
} scardffi_api;

/* [end] */

#ifdef Py_PYTHON_H
/* Return the table, or NULL with a Python exception set. This is the only function that needs the GIL. */
static inline const scardffi_api *scardffi_import(void)
{
    const scardffi_api *api = (const scardffi_api *)PyCapsule_Import(SCARDFFI_CAPSULE, 0);
    if (api != NULL && api->size < sizeof *api) {
        PyErr_SetString(PyExc_ImportError,
                        "the installed scardffi is older than the scardffi.h that this module was compiled with");
        return NULL;
    }
    return api;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
