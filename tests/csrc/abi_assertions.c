/* Compares pcsc_abi.h with the platform's own winscard.h: constants, sizes, offsets. It is only compiled.
 *
 * The vendor's header is included first, and its constants are saved under other names. Then our header is included
 * with its types renamed. It must come from a system folder (-isystem), where a macro may be redefined.
 */
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#  include <windows.h>
#endif
#include <winscard.h>
#if !defined(_WIN32)
#  include <reader.h>
#endif

#define CONSTANTS(F)                                                                                                   \
    F(INFINITE)                                                                                                        \
    F(SCARD_SCOPE_USER)                                                                                                \
    F(SCARD_SCOPE_TERMINAL)                                                                                            \
    F(SCARD_SCOPE_SYSTEM)                                                                                              \
    F(SCARD_SHARE_EXCLUSIVE)                                                                                           \
    F(SCARD_SHARE_SHARED)                                                                                              \
    F(SCARD_SHARE_DIRECT)                                                                                              \
    F(SCARD_PROTOCOL_UNDEFINED)                                                                                        \
    F(SCARD_PROTOCOL_T0)                                                                                               \
    F(SCARD_PROTOCOL_T1)                                                                                               \
    F(SCARD_PROTOCOL_RAW)                                                                                              \
    F(SCARD_LEAVE_CARD)                                                                                                \
    F(SCARD_RESET_CARD)                                                                                                \
    F(SCARD_UNPOWER_CARD)                                                                                              \
    F(SCARD_EJECT_CARD)                                                                                                \
    F(SCARD_STATE_UNAWARE)                                                                                             \
    F(SCARD_STATE_IGNORE)                                                                                              \
    F(SCARD_STATE_CHANGED)                                                                                             \
    F(SCARD_STATE_UNKNOWN)                                                                                             \
    F(SCARD_STATE_UNAVAILABLE)                                                                                         \
    F(SCARD_STATE_EMPTY)                                                                                               \
    F(SCARD_STATE_PRESENT)                                                                                             \
    F(SCARD_STATE_ATRMATCH)                                                                                            \
    F(SCARD_STATE_EXCLUSIVE)                                                                                           \
    F(SCARD_STATE_INUSE)                                                                                               \
    F(SCARD_STATE_MUTE)                                                                                                \
    F(SCARD_STATE_UNPOWERED)                                                                                           \
    F(SCARD_ATTR_VENDOR_NAME)                                                                                          \
    F(SCARD_ATTR_CURRENT_PROTOCOL_TYPE)                                                                                \
    F(SCARD_ATTR_ICC_PRESENCE)                                                                                         \
    F(SCARD_ATTR_ATR_STRING)                                                                                           \
    F(SCARD_ATTR_DEVICE_FRIENDLY_NAME)                                                                                 \
    F(SCARD_ATTR_DEVICE_SYSTEM_NAME)                                                                                   \
    F(SCARD_ATTR_SUPRESS_T1_IFS_REQUEST)                                                                               \
    F(SCARD_S_SUCCESS)                                                                                                 \
    F(SCARD_F_INTERNAL_ERROR)                                                                                          \
    F(SCARD_E_CANCELLED)                                                                                               \
    F(SCARD_E_INVALID_HANDLE)                                                                                          \
    F(SCARD_E_INVALID_PARAMETER)                                                                                       \
    F(SCARD_E_INVALID_TARGET)                                                                                          \
    F(SCARD_E_NO_MEMORY)                                                                                               \
    F(SCARD_F_WAITED_TOO_LONG)                                                                                         \
    F(SCARD_E_INSUFFICIENT_BUFFER)                                                                                     \
    F(SCARD_E_UNKNOWN_READER)                                                                                          \
    F(SCARD_E_TIMEOUT)                                                                                                 \
    F(SCARD_E_SHARING_VIOLATION)                                                                                       \
    F(SCARD_E_NO_SMARTCARD)                                                                                            \
    F(SCARD_E_UNKNOWN_CARD)                                                                                            \
    F(SCARD_E_CANT_DISPOSE)                                                                                            \
    F(SCARD_E_PROTO_MISMATCH)                                                                                          \
    F(SCARD_E_NOT_READY)                                                                                               \
    F(SCARD_E_INVALID_VALUE)                                                                                           \
    F(SCARD_E_SYSTEM_CANCELLED)                                                                                        \
    F(SCARD_F_COMM_ERROR)                                                                                              \
    F(SCARD_F_UNKNOWN_ERROR)                                                                                           \
    F(SCARD_E_INVALID_ATR)                                                                                             \
    F(SCARD_E_NOT_TRANSACTED)                                                                                          \
    F(SCARD_E_READER_UNAVAILABLE)                                                                                      \
    F(SCARD_E_PCI_TOO_SMALL)                                                                                           \
    F(SCARD_E_READER_UNSUPPORTED)                                                                                      \
    F(SCARD_E_DUPLICATE_READER)                                                                                        \
    F(SCARD_E_CARD_UNSUPPORTED)                                                                                        \
    F(SCARD_E_NO_SERVICE)                                                                                              \
    F(SCARD_E_SERVICE_STOPPED)                                                                                         \
    F(SCARD_E_UNSUPPORTED_FEATURE)                                                                                     \
    F(SCARD_E_NO_READERS_AVAILABLE)                                                                                    \
    F(SCARD_W_UNSUPPORTED_CARD)                                                                                        \
    F(SCARD_W_UNRESPONSIVE_CARD)                                                                                       \
    F(SCARD_W_UNPOWERED_CARD)                                                                                          \
    F(SCARD_W_RESET_CARD)                                                                                              \
    F(SCARD_W_REMOVED_CARD)                                                                                            \
    F(SCARD_W_SECURITY_VIOLATION)

/* Constants that only one of the two vendors has. */
#if defined(_WIN32)
#  define OWN_CONSTANTS(F) F(SCARD_E_UNEXPECTED)
#else
#  define OWN_CONSTANTS(F)                                                                                             \
      F(MAX_ATR_SIZE)                                                                                                  \
      F(MAX_READERNAME)                                                                                                \
      F(MAX_BUFFER_SIZE)                                                                                               \
      F(MAX_BUFFER_SIZE_EXTENDED)                                                                                      \
      F(SCARD_SCOPE_GLOBAL)
#endif

/* Ours are the bits of pcsc-lite on each platform; Windows numbers the states. */
#define CARD_STATES(F)                                                                                                 \
    F(SCARD_UNKNOWN)                                                                                                   \
    F(SCARD_ABSENT)                                                                                                    \
    F(SCARD_PRESENT)                                                                                                   \
    F(SCARD_SWALLOWED)                                                                                                 \
    F(SCARD_POWERED)                                                                                                   \
    F(SCARD_NEGOTIABLE)                                                                                                \
    F(SCARD_SPECIFIC)

/* An enumerator is an int: unsigned numbers keep their 32 bits in it. */
#define KEEP(name) vendor_##name = (int)(uint32_t)(name),
enum { CONSTANTS(KEEP) OWN_CONSTANTS(KEEP) CARD_STATES(KEEP) };

enum {
    vendor_control_code_0 = (int)SCARD_CTL_CODE(0),
    vendor_control_code_1 = (int)SCARD_CTL_CODE(1),
    vendor_control_code_3400 = (int)SCARD_CTL_CODE(3400),
    vendor_control_code_4095 = (int)SCARD_CTL_CODE(4095),
    vendor_autoallocate_is_all_ones = (SCARD_AUTOALLOCATE) == (DWORD)-1
};

#define DWORD ours_DWORD
#define LONG ours_LONG
#define SCARDCONTEXT ours_SCARDCONTEXT
#define SCARDHANDLE ours_SCARDHANDLE
#define SCARD_IO_REQUEST ours_SCARD_IO_REQUEST
#define SCARD_READERSTATE ours_SCARD_READERSTATE
#define SCARD_ATRMASK ours_SCARD_ATRMASK
#include "pcsc_abi.h"
_Static_assert(SCARD_AUTOALLOCATE == (ours_DWORD)-1 && vendor_autoallocate_is_all_ones, "SCARD_AUTOALLOCATE");
#undef DWORD
#undef LONG
#undef SCARDCONTEXT
#undef SCARDHANDLE
#undef SCARD_IO_REQUEST
#undef SCARD_READERSTATE
#undef SCARD_ATRMASK

#define AGREE(name) _Static_assert((uint32_t)(name) == (uint32_t)vendor_##name, #name " is not the vendor's");
CONSTANTS(AGREE)
OWN_CONSTANTS(AGREE)

#if defined(_WIN32)
#  define AGREE_ON_STATE(name) _Static_assert((name) == 1u << vendor_##name, #name " is not the vendor's");
#else
#  define AGREE_ON_STATE AGREE
#endif
CARD_STATES(AGREE_ON_STATE)

_Static_assert(SCARD_CTL_CODE(0u) == (uint32_t)vendor_control_code_0, "SCARD_CTL_CODE(0)");
_Static_assert(SCARD_CTL_CODE(1u) == (uint32_t)vendor_control_code_1, "SCARD_CTL_CODE(1)");
_Static_assert(SCARD_CTL_CODE(3400u) == (uint32_t)vendor_control_code_3400, "SCARD_CTL_CODE(3400)");
_Static_assert(SCARD_CTL_CODE(4095u) == (uint32_t)vendor_control_code_4095, "SCARD_CTL_CODE(4095)");

#if defined(_WIN32)
_Static_assert(PCSC_WIN32_INVALID_HANDLE == ERROR_INVALID_HANDLE, "PCSC_WIN32_INVALID_HANDLE");
_Static_assert(PCSC_WIN32_NOT_SUPPORTED == ERROR_NOT_SUPPORTED, "PCSC_WIN32_NOT_SUPPORTED");
_Static_assert(PCSC_CARD_IS_ABSENT == vendor_SCARD_ABSENT, "PCSC_CARD_IS_ABSENT");
_Static_assert(PCSC_CARD_IS_PRESENT == vendor_SCARD_PRESENT, "PCSC_CARD_IS_PRESENT");
_Static_assert(PCSC_CARD_IS_NEGOTIABLE == vendor_SCARD_NEGOTIABLE, "PCSC_CARD_IS_NEGOTIABLE");
_Static_assert(PCSC_CARD_IS_SPECIFIC == vendor_SCARD_SPECIFIC, "PCSC_CARD_IS_SPECIFIC");
#endif

#define IS_SIGNED(type) ((type) - 1 < (type)1)
#define SAME_TYPE(type)                                                                                                \
    _Static_assert(sizeof(ours_##type) == sizeof(type), #type " has another size");                                    \
    _Static_assert(IS_SIGNED(ours_##type) == IS_SIGNED(type), #type " has another sign");
SAME_TYPE(DWORD)
SAME_TYPE(LONG)
SAME_TYPE(SCARDCONTEXT)
SAME_TYPE(SCARDHANDLE)

#define SAME_MEMBER(type, member)                                                                                      \
    _Static_assert(offsetof(ours_##type, member) == offsetof(type, member), #type "." #member " is elsewhere");        \
    _Static_assert(sizeof(((ours_##type *)0)->member) == sizeof(((type *)0)->member), #type "." #member " differs");
_Static_assert(sizeof(ours_SCARD_IO_REQUEST) == sizeof(SCARD_IO_REQUEST), "SCARD_IO_REQUEST has another size");
SAME_MEMBER(SCARD_IO_REQUEST, dwProtocol)
SAME_MEMBER(SCARD_IO_REQUEST, cbPciLength)

_Static_assert(sizeof(ours_SCARD_READERSTATE) == sizeof(SCARD_READERSTATE), "SCARD_READERSTATE has another size");
SAME_MEMBER(SCARD_READERSTATE, szReader)
SAME_MEMBER(SCARD_READERSTATE, pvUserData)
SAME_MEMBER(SCARD_READERSTATE, dwCurrentState)
SAME_MEMBER(SCARD_READERSTATE, dwEventState)
SAME_MEMBER(SCARD_READERSTATE, cbAtr)
SAME_MEMBER(SCARD_READERSTATE, rgbAtr)
_Static_assert(PCSC_ATR_BUFFER == sizeof(((SCARD_READERSTATE *)0)->rgbAtr), "PCSC_ATR_BUFFER");

#if defined(_WIN32)
_Static_assert(sizeof(ours_SCARD_ATRMASK) == sizeof(SCARD_ATRMASK), "SCARD_ATRMASK has another size");
SAME_MEMBER(SCARD_ATRMASK, cbAtr)
SAME_MEMBER(SCARD_ATRMASK, rgbAtr)
SAME_MEMBER(SCARD_ATRMASK, rgbMask)
#endif

/* The calling convention: both function types must be the same. */
typedef long(PCSC_CALL *ours_function)(void);
#if defined(_WIN32)
typedef long(WINAPI *vendor_function)(void);
#else
typedef long (*vendor_function)(void);
#endif
_Static_assert(_Generic((ours_function)0, vendor_function: 1, default: 0), "PCSC_CALL is not the vendor's");
