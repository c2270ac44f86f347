/* scardffi for C, and for every language that can call C: one table of function
 * pointers.
 *
 * The table: a C extension gets it from scardffi_import(), which is declared if
 * Python.h was included before this header. Other programs get its address from
 * scardffi.embed in Python. New functions are only added at its end. `size` is the size
 * of the table in use, so a program that was compiled with an older header works with a
 * newer table. All functions have the compiler's default calling convention (cdecl on
 * Windows).
 *
 * Types: this header declares no names of PC/SC. Include winscard.h before it, after it
 * or not at all. scardffi_dword is DWORD, scardffi_long is LONG, scardffi_context is
 * SCARDCONTEXT and scardffi_handle is SCARDHANDLE, so no casts are needed. Without a
 * winscard.h, pcsc_abi.h in this folder has PC/SC's types and constants. On Windows,
 * include winscard.h before: by macros it renames SCardConnect and other members.
 *
 * Threads: no function needs Python's GIL or uses Python objects. Any thread may call
 * any function on any object, with two exceptions: only one thread at a time may use an
 * exchange or a run of a script, and only one thread may free an object, after all
 * calls on it have returned. Calls on one card handle run one after the other, even if
 * they are made through different objects; the functions named SCard... do not take
 * part in this. Unless a comment says that a function never waits, it may wait for the
 * card, for another program's transaction, or for the resource manager.
 *
 * Ownership: free what a ..._new function has made, with the ..._free function of the
 * same name, which accepts NULL. An object of Python (SCardManage.native,
 * Exchange.native, Library.native) is used in the same way, but only Python frees it:
 * keep the Python object as long as C uses its `native`. An exchange and a run keep
 * pointers to the manage object, and a run keeps one to its script. So free exchanges,
 * runs and then scripts before the manage object. If the manage object was freed first,
 * only exchange_free, exchange_sw, exchange_required, script_run_free and the functions
 * that read the results of a run (script_run_index to script_run_elapsed) may be
 * called.
 *
 * Pointers must not be NULL unless a comment says so. Many functions check this and
 * return SCARDFFI_E_POINTER. In the child of a fork, calls on a card by objects of the
 * parent return SCARDFFI_E_UNEXPECTED.
 */
#ifndef SCARDFFI_H
#define SCARDFFI_H

#include <stddef.h>
#include <stdint.h>

#include "scardffi_types.h"

/* ---- Results ---- */

/* Of the table in this header; version 2 added exchange_required. */
#define SCARDFFI_VERSION 2
#define SCARDFFI_CAPSULE "scardffi.C_API"

/* HRESULTs. A code 0x8010xxxx of the resource manager is an HRESULT already and is
 * returned unchanged: compare with SCARD_E_... of pcsc_abi.h, or with
 * (uint32_t)SCARD_E_... of winscard.h. */
#define SCARDFFI_OK 0u
#define SCARDFFI_E_INVALIDARG 0x80070057u /* not a valid handle, length or flag */
#define SCARDFFI_E_OUTOFMEMORY 0x8007000Eu
#define SCARDFFI_E_POINTER 0x80004003u
/* A part of the card's response has no status word. */
#define SCARDFFI_E_FAIL 0x80004005u
/* Attached already, not attached, in use, or from before a fork. */
#define SCARDFFI_E_UNEXPECTED 0x8000FFFFu

#ifdef __cplusplus
extern "C" {
#endif

/* The functions that send a command return the length of the response with its status
 * word, or a negative number for a failure. These functions split it. */

/* Return the HRESULT of a failure; SCARDFFI_OK if `result` is a length. */
static inline uint32_t scardffi_hresult(int64_t result)
{
    return result < 0 ? (uint32_t)(0 - (uint64_t)result) : SCARDFFI_OK;
}

/* After SCARD_E_INSUFFICIENT_BUFFER of transmit or of script_run_failure: return the
 * length that the response needs, or 0 if it is unknown. The card has executed the
 * command. For an exchange, call exchange_required. */
static inline uint32_t scardffi_required(int64_t result)
{
    return result < 0 ? (uint32_t)((0 - (uint64_t)result) >> 32) : 0;
}

/* flow: optional steps of an exchange, done only if their flag is set. */
#define SCARDFFI_FLOW_GET_RESPONSE 1u /* after 61xx, fetch the rest */
#define SCARDFFI_FLOW_CORRECT_LE 2u   /* after 6Cxx, send again with Le = xx */
#define SCARDFFI_FLOW_CHAIN 4u        /* send an extended command as short ones */

/* [declarations] that Python sees */

/* Results of library_open, besides 0 */
#define SCARDFFI_LIBRARY_NOT_FOUND 1
#define SCARDFFI_LIBRARY_NOT_LOADABLE 2
#define SCARDFFI_LIBRARY_MISSING_SYMBOL 3
#define SCARDFFI_LIBRARY_NO_MEMORY 4

/* Results of script_step. MORE: the time is over; call script_step again, or free the
 * run. FAILED: the command at script_run_index failed with script_run_failure. */
#define SCARDFFI_SCRIPT_DONE 0
#define SCARDFFI_SCRIPT_MORE 1
#define SCARDFFI_SCRIPT_FAILED 2

/* A loaded PC/SC library, Library.native in Python; it lives as long as the process. */
typedef struct scardffi_library scardffi_library;
/* The manage object: SCardManage.native. */
typedef struct scardffi_manage scardffi_manage;
/* An exchange with its buffers: Exchange.native. */
typedef struct scardffi_exchange scardffi_exchange;
/* Packed commands, for any number of runs. */
typedef struct scardffi_script scardffi_script;
/* One run of a script. */
typedef struct scardffi_run scardffi_run;

typedef struct scardffi_api {
    uint32_t size;    /* of the table, in bytes */
    uint32_t version; /* SCARDFFI_VERSION of the header that it was built with */

    /* ---- Exchanges ---- */

    /* Send one command, without a flow. Return the length of the response, or a
     * failure: see scardffi_hresult and scardffi_required. A command has 1 to 65 548
     * bytes; `capacity` is at least 2; the buffers must not overlap. These are checked
     * before anything is sent. */
    int64_t (*transmit)(scardffi_manage *manage, const unsigned char *command,
                        size_t command_length, unsigned char *response,
                        size_t capacity);
    /* Make an exchange: a command and a response buffer that are used again and again.
     * Return an HRESULT. The caller keeps both buffers in place until exchange_free,
     * and may write another command of the same length into the first one between two
     * calls. Never waits. */
    uint32_t (*exchange_new)(scardffi_manage *manage, unsigned flow,
                             const unsigned char *command, size_t command_length,
                             unsigned char *response, size_t capacity,
                             scardffi_exchange **exchange);
    /* Free the exchange; its buffers are the caller's. */
    void (*exchange_free)(scardffi_exchange *exchange);
    /* Send the command. Return the length of the response, or minus an HRESULT: see
     * scardffi_hresult. During a call of another thread on the same exchange,
     * SCARDFFI_E_UNEXPECTED is returned and nothing is sent. With a flow, one call
     * sends as many commands as the card asks for, and a card can ask for very many. If
     * another thread calls detach, the call ends before the next command, with
     * SCARDFFI_E_UNEXPECTED. */
    int64_t (*exchange_send)(scardffi_exchange *exchange);
    /* Send only the first `length` bytes of the command; otherwise as exchange_send. */
    int64_t (*exchange_send_part)(scardffi_exchange *exchange, size_t length);
    /* Return the status word of the last response; 0 if it has none, and after a
     * failure. Never waits. */
    uint32_t (*exchange_sw)(const scardffi_exchange *exchange);

    /* ---- Libraries ---- */

    /* Load the PC/SC library of this path or name. If `path` is NULL, load the one that
     * SCARDFFI_LIBRARY names, or the platform's. Opening the same library again returns
     * the same pointer. Return 0, or one of SCARDFFI_LIBRARY_* and write a text of at
     * most `detail_size` bytes with its end to `detail`. */
    int (*library_open)(const char *path, scardffi_library **library, char *detail,
                        size_t detail_size);
    /* Return the default library of the process, which Python's objects use. It is
     * loaded now if it is not loaded yet. The results are those of library_open. */
    int (*library_open_default)(scardffi_library **library, char *detail,
                                size_t detail_size);
    /* Return the library's path, in memory that is never freed. Never waits. */
    const char *(*library_path)(const scardffi_library *library);

    /* ---- The manage object ---- */

    /* Make a manage object. Return an HRESULT. Never waits. */
    uint32_t (*manage_new)(const scardffi_library *library, scardffi_manage **manage);
    /* Free the object. Call detach before: otherwise its handle, with its transactions,
     * and the native context of attach_by_ifd stay open. Never waits. */
    void (*manage_free)(scardffi_manage *manage);
    /* Attach to a card handle of the same library. Return an HRESULT:
     * SCARDFFI_E_INVALIDARG if it is not a valid handle. If `owned` is not 0, detach
     * disconnects the handle. `share_mode` is 0 if it is unknown. `*code` is set to the
     * resource manager's return code if it refuses the handle, otherwise to 0. On
     * pcsc-lite no thread may wait on the context of this handle meanwhile: all calls
     * of the process would wait. */
    uint32_t (*attach_by_handle)(scardffi_manage *manage, scardffi_handle handle,
                                 int owned, uint32_t share_mode, uint32_t *code);
    /* Connect to the card in a reader, on a new native context of `scope`, which
     * belongs to this attachment. Return an HRESULT. `reader` is UTF-8; the numbers are
     * those of SCardEstablishContext and SCardConnect. */
    uint32_t (*attach_by_ifd)(scardffi_manage *manage, uint32_t scope,
                              const char *reader, uint32_t share_mode,
                              uint32_t protocols);
    /* End the transactions that were begun here, and disconnect a handle that is owned
     * or came from attach_by_ifd. Return an HRESULT. If the disposition is valid, the
     * object is detached afterwards, even after an error. */
    uint32_t (*detach)(scardffi_manage *manage, uint32_t disposition);
    /* Reconnect. If `share_mode` is 0, the share mode of the attachment is used. Return
     * an HRESULT: SCARDFFI_E_INVALIDARG if that is unknown. */
    uint32_t (*reconnect)(scardffi_manage *manage, uint32_t share_mode,
                          uint32_t protocols, uint32_t initialization);
    /* Begin a transaction; each call needs an unlock. Waits as long as another handle
     * has a transaction. Return an HRESULT. */
    uint32_t (*lock)(scardffi_manage *manage);
    /* End a transaction. Return an HRESULT. */
    uint32_t (*unlock)(scardffi_manage *manage, uint32_t disposition);
    /* Ask for the card's state, in the bits of pcsc-lite on every platform. Return an
     * HRESULT. `reader` and `atr` may be NULL. If they are not NULL, set the length of
     * each to its capacity; the call changes it to the real length. */
    uint32_t (*status)(scardffi_manage *manage, uint32_t *state, uint32_t *protocol,
                       char *reader, uint32_t *reader_length, unsigned char *atr,
                       uint32_t *atr_length);
    /* Return 1 and the card handle, or 0 if the object is not attached. Never waits. */
    int (*handle)(const scardffi_manage *manage, scardffi_handle *handle);

    /* ---- Scripts: many commands in one call ---- */

    /* Make a script of `count` commands. `packed` has them one after the other, and
     * `lengths` the length of each. Both are copied. Return an HRESULT. Never waits. */
    uint32_t (*script_new)(size_t count, const unsigned char *packed,
                           const uint32_t *lengths, unsigned flow,
                           scardffi_script **script);
    /* Wipe and free the commands. No run may use them afterwards. */
    void (*script_free)(scardffi_script *script);
    /* Make a run of `repeat` passes; return NULL if memory is exhausted. Any number of
     * runs may use one script at a time. The run keeps the replies of its last pass, or
     * of every pass if `keep_all` is not 0, and the time of each exchange if `timed` is
     * not 0. Never waits. */
    scardffi_run *(*script_run_new)(const scardffi_script *script,
                                    scardffi_manage *manage, uint64_t repeat,
                                    int keep_all, int timed);
    /* Free the run with its replies. */
    void (*script_run_free)(scardffi_run *run);
    /* Send commands until the script has ended, one has failed, or about `milliseconds`
     * are over; one command may take longer. Return one of SCARDFFI_SCRIPT_*. With a
     * flow it may return in the middle of a response. Then no other call sends a
     * command to the card until script_step or script_run_free is called for this run,
     * or the card is detached. */
    int (*script_step)(scardffi_run *run, uint32_t milliseconds);
    /* Return the index of the command that failed. */
    size_t (*script_run_index)(const scardffi_run *run);
    /* Return its failure, as transmit returns it. */
    int64_t (*script_run_failure)(const scardffi_run *run);
    /* Return the number of kept replies. */
    size_t (*script_run_count)(const scardffi_run *run);
    /* Return the memory with the replies, one after the other. It exists until the next
     * script_step or script_run_free. */
    unsigned char *(*script_run_arena)(const scardffi_run *run);
    /* Return the offsets in this memory: reply i is from offset i to offset i + 1. They
     * exist as long. */
    const size_t *(*script_run_offsets)(const scardffi_run *run);
    /* Return the nanoseconds of each reply, or NULL if the run is not timed. They exist
     * as long. */
    const uint64_t *(*script_run_elapsed)(const scardffi_run *run);

    /* ---- PC/SC's functions ---- */

    /* PC/SC's functions on the default library; the PC/SC Workgroup, Microsoft and
     * pcsc-lite describe them. They return the library's own codes, SCARD_E_NO_SERVICE
     * if there is no PC/SC library, or SCARD_E_UNSUPPORTED_FEATURE if the library lacks
     * the function. The library's own rules for threads hold: use a context in one
     * thread only, except for SCardCancel. Names are UTF-8 on every platform. */

    /* Open a connection to the resource manager. */
    scardffi_long (*SCardEstablishContext)(scardffi_dword scope, const void *reserved1,
                                           const void *reserved2,
                                           scardffi_context *context);
    /* Close it, with its cards. */
    scardffi_long (*SCardReleaseContext)(scardffi_context context);
    /* Return SCARD_S_SUCCESS if the context is valid. */
    scardffi_long (*SCardIsValidContext)(scardffi_context context);
    /* Connect to the card in a reader, or to the reader. */
    scardffi_long (*SCardConnect)(scardffi_context context, const char *reader,
                                  scardffi_dword share_mode, scardffi_dword protocols,
                                  scardffi_handle *handle, scardffi_dword *protocol);
    /* Change share mode or protocol, or go on after a reset. */
    scardffi_long (*SCardReconnect)(scardffi_handle handle, scardffi_dword share_mode,
                                    scardffi_dword protocols,
                                    scardffi_dword initialization,
                                    scardffi_dword *protocol);
    /* Close a handle. scardffi does not see this: detach objects that are attached to
     * it before. */
    scardffi_long (*SCardDisconnect)(scardffi_handle handle,
                                     scardffi_dword disposition);
    /* Wait until no other handle has a transaction, and begin one. */
    scardffi_long (*SCardBeginTransaction)(scardffi_handle handle);
    /* End a transaction. */
    scardffi_long (*SCardEndTransaction)(scardffi_handle handle,
                                         scardffi_dword disposition);
    /* Return the reader's name, the state in the platform's form, the protocol and the
     * ATR. */
    scardffi_long (*SCardStatus)(scardffi_handle handle, char *reader,
                                 scardffi_dword *reader_length, scardffi_dword *state,
                                 scardffi_dword *protocol, unsigned char *atr,
                                 scardffi_dword *atr_length);
    /* Wait for a change of `count` readers. `states` are SCARD_READERSTATE of
     * winscard.h or pcsc_abi.h. */
    scardffi_long (*SCardGetStatusChange)(scardffi_context context,
                                          scardffi_dword timeout, void *states,
                                          scardffi_dword count);
    /* Send a control code to the reader. On macOS this is SCardControl132. */
    scardffi_long (*SCardControl)(scardffi_handle handle, scardffi_dword control_code,
                                  const void *command, scardffi_dword command_length,
                                  void *response, scardffi_dword capacity,
                                  scardffi_dword *received);
    /* Send a command. `send_pci` and `receive_pci`, which may be NULL, are
     * SCARD_IO_REQUEST of winscard.h or pcsc_abi.h. Set `*received` to the capacity of
     * the response. */
    scardffi_long (*SCardTransmit)(scardffi_handle handle, const void *send_pci,
                                   const unsigned char *command,
                                   scardffi_dword command_length, void *receive_pci,
                                   unsigned char *response, scardffi_dword *received);
    /* List the groups of readers, as a multi-string. */
    scardffi_long (*SCardListReaderGroups)(scardffi_context context, char *groups,
                                           scardffi_dword *length);
    /* List the readers, as a multi-string. `groups` may be NULL. */
    scardffi_long (*SCardListReaders)(scardffi_context context, const char *groups,
                                      char *readers, scardffi_dword *length);
    /* Free memory that the library has allocated for SCARD_AUTOALLOCATE. */
    scardffi_long (*SCardFreeMemory)(scardffi_context context, const void *memory);
    /* End the wait of another thread on this context. */
    scardffi_long (*SCardCancel)(scardffi_context context);
    /* Return an attribute of the reader or the card. */
    scardffi_long (*SCardGetAttrib)(scardffi_handle handle, scardffi_dword attribute,
                                    unsigned char *value, scardffi_dword *length);
    /* Set an attribute. */
    scardffi_long (*SCardSetAttrib)(scardffi_handle handle, scardffi_dword attribute,
                                    const unsigned char *value, scardffi_dword length);

    /* ---- Added in version 2 ---- */

    /* After SCARD_E_INSUFFICIENT_BUFFER of exchange_send: return the length that the
     * response needs, or 0 if it is unknown. Never waits. */
    uint32_t (*exchange_required)(const scardffi_exchange *exchange);
} scardffi_api;

/* [end] */

/* ---- The table in a C extension ---- */

#ifdef Py_PYTHON_H
/* Import scardffi and return the table, or NULL with a Python exception set. This needs
 * the GIL. */
static inline const scardffi_api *scardffi_import(void)
{
    const scardffi_api *api =
        (const scardffi_api *)PyCapsule_Import(SCARDFFI_CAPSULE, 0);
    if (api != NULL && api->size < sizeof *api) {
        PyErr_SetString(PyExc_ImportError,
                        "the installed scardffi is older than the scardffi.h that this "
                        "module was compiled with");
        return NULL;
    }
    return api;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
