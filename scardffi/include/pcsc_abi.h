/* The PC/SC ABI of each platform: types, layouts, constants and calling convention. It takes the place of winscard.h.
 *
 * All differences between winscard.dll, pcsc-lite and macOS's PCSC.framework that C code can see are in this file and
 * in scardffi_types.h, which selects the platform.
 */
#ifndef SCARDFFI_PCSC_ABI_H
#define SCARDFFI_PCSC_ABI_H

#include "scardffi_types.h"

/* Differences between the platforms:
 * PCSC_TEXT_SUFFIX          the end of the name of a function with strings: "W" for UTF-16, empty for UTF-8
 * PCSC_NUMBERS_CARD_STATES  SCardStatus returns one of seven numbers as the state, else a bit mask
 * PCSC_LISTS_READER_NAMES   SCardStatus returns the reader's names as a multi-string, else one name as a string
 * PCSC_NO_SUCH_HANDLE       the code for a number that is not a context or handle
 * PCSC_NO_SUCH_ATTRIBUTE    the code for an attribute that the reader does not have
 * PCSC_ATR_BUFFER           bytes of rgbAtr in SCARD_READERSTATE
 * PCSC_RELEASE_LEAVES_CARD  SCardReleaseContext disconnects as with SCARD_LEAVE_CARD
 * PCSC_NOTIFIES_OF_READERS  SCardGetStatusChange accepts the name that watches the list of readers
 * PCSC_COUNTS_CARD_EVENTS   SCardGetStatusChange counts events in the high word of a state
 * PCSC_CONTROL              the function with a control code; SCardControl of macOS is an older one without a code
 * PCSC_HANDLE_MASK          the bits that may be set in a handle or a context; on macOS also the sign bit
 * PCSC_AUTOALLOCATES        true for the length that asks the library to allocate
 */
#if defined(SCARDFFI_ABI_WINDOWS)
#  if defined(_WIN32)
#    define PCSC_CALL __stdcall /* ignored by 64-bit compilers */
#  else
#    define PCSC_CALL
#  endif
#  define PCSC_TEXT_SUFFIX "W"
#  define PCSC_NUMBERS_CARD_STATES 1
#  define PCSC_LISTS_READER_NAMES 1
#  define PCSC_NO_SUCH_HANDLE PCSC_WIN32_INVALID_HANDLE
#  define PCSC_NO_SUCH_ATTRIBUTE PCSC_WIN32_NOT_SUPPORTED
#  define PCSC_ATR_BUFFER 36
#  define PCSC_RELEASE_LEAVES_CARD 0
#  define PCSC_NOTIFIES_OF_READERS 1
#  define PCSC_COUNTS_CARD_EVENTS 1
#  define PCSC_CONTROL SCardControl
#  define PCSC_HANDLE_MASK 0xFFFFFFFFu
#  define PCSC_AUTOALLOCATES(length) ((length) == SCARD_AUTOALLOCATE)
#  define SCARD_PROTOCOL_RAW 0x00010000u
#  define SCARD_E_UNSUPPORTED_FEATURE 0x80100022u
#  define SCARD_E_UNEXPECTED 0x8010001Fu
#  define SCARD_AUTOALLOCATE (~(DWORD)0)
#  define SCARD_CTL_CODE(function) (0x00310000u + 4u * (function))
#elif defined(SCARDFFI_ABI_MACOS)
#  define PCSC_CALL
#  define PCSC_TEXT_SUFFIX ""
#  define PCSC_NUMBERS_CARD_STATES 0
#  define PCSC_LISTS_READER_NAMES 0
#  define PCSC_NO_SUCH_HANDLE SCARD_E_INVALID_HANDLE
#  define PCSC_NO_SUCH_ATTRIBUTE SCARD_E_UNSUPPORTED_FEATURE
#  define PCSC_ATR_BUFFER 33
#  define PCSC_RELEASE_LEAVES_CARD 0
#  define PCSC_NOTIFIES_OF_READERS 0
#  define PCSC_COUNTS_CARD_EVENTS 0
#  define PCSC_CONTROL SCardControl132
#  define PCSC_HANDLE_MASK 0xFFFFFFFFu
#  define PCSC_AUTOALLOCATES(length) 0
#  define SCARD_PROTOCOL_RAW 0x00000004u
#  define SCARD_E_UNSUPPORTED_FEATURE 0x8010001Fu
#  define SCARD_CTL_CODE(function) (0x42000000u + (function))
#else
#  define PCSC_CALL
#  define PCSC_TEXT_SUFFIX ""
#  define PCSC_NUMBERS_CARD_STATES 0
#  define PCSC_LISTS_READER_NAMES 0
#  define PCSC_NO_SUCH_HANDLE SCARD_E_INVALID_HANDLE
#  define PCSC_NO_SUCH_ATTRIBUTE SCARD_E_UNSUPPORTED_FEATURE
#  define PCSC_ATR_BUFFER 33
#  define PCSC_RELEASE_LEAVES_CARD 1
#  define PCSC_NOTIFIES_OF_READERS 1
#  define PCSC_COUNTS_CARD_EVENTS 1
#  define PCSC_CONTROL SCardControl
#  define PCSC_HANDLE_MASK 0x7FFFFFFFu
#  define PCSC_AUTOALLOCATES(length) ((length) == SCARD_AUTOALLOCATE)
#  define SCARD_PROTOCOL_RAW 0x00000004u
#  define SCARD_E_UNSUPPORTED_FEATURE 0x8010001Fu
#  define SCARD_AUTOALLOCATE (~(DWORD)0)
#  define SCARD_CTL_CODE(function) (0x42000000u + (function))
#endif

typedef scardffi_dword DWORD;
typedef scardffi_long LONG;
typedef scardffi_context SCARDCONTEXT;
typedef scardffi_handle SCARDHANDLE;

typedef struct {
    DWORD dwProtocol;
    DWORD cbPciLength;
} SCARD_IO_REQUEST;

#if defined(SCARDFFI_ABI_MACOS)
#  pragma pack(push, 1)
#endif
typedef struct {
    const char *szReader;
    void *pvUserData;
    DWORD dwCurrentState;
    DWORD dwEventState;
    DWORD cbAtr;
    unsigned char rgbAtr[PCSC_ATR_BUFFER];
} SCARD_READERSTATE;
#if defined(SCARDFFI_ABI_MACOS)
#  pragma pack(pop)
#endif

typedef struct { /* only on Windows */
    DWORD cbAtr;
    unsigned char rgbAtr[36];
    unsigned char rgbMask[36];
} SCARD_ATRMASK;

/* Sizes */
#define MAX_ATR_SIZE 33
#define MAX_READERNAME 128
#define MAX_BUFFER_SIZE 264            /* pcsc-lite: attributes */
#define MAX_BUFFER_SIZE_EXTENDED 65548 /* 4 + 3 + 65536 + 3 + 2 */
#define INFINITE 0xFFFFFFFFu

/* Scopes, share modes, protocols, dispositions */
#define SCARD_SCOPE_USER 0u
#define SCARD_SCOPE_TERMINAL 1u
#define SCARD_SCOPE_SYSTEM 2u
#define SCARD_SCOPE_GLOBAL 3u /* only pcsc-lite */
#define SCARD_SHARE_EXCLUSIVE 1u
#define SCARD_SHARE_SHARED 2u
#define SCARD_SHARE_DIRECT 3u
#define SCARD_PROTOCOL_UNDEFINED 0u
#define SCARD_PROTOCOL_T0 1u
#define SCARD_PROTOCOL_T1 2u
#define SCARD_LEAVE_CARD 0u
#define SCARD_RESET_CARD 1u
#define SCARD_UNPOWER_CARD 2u
#define SCARD_EJECT_CARD 3u

/* States of SCardStatus, if it returns a number */
#define PCSC_CARD_IS_ABSENT 1u
#define PCSC_CARD_IS_PRESENT 2u
#define PCSC_CARD_IS_NEGOTIABLE 5u
#define PCSC_CARD_IS_SPECIFIC 6u

/* States of SCardStatus, if it returns a bit mask */
#define SCARD_UNKNOWN 0x01u
#define SCARD_ABSENT 0x02u
#define SCARD_PRESENT 0x04u
#define SCARD_SWALLOWED 0x08u
#define SCARD_POWERED 0x10u
#define SCARD_NEGOTIABLE 0x20u
#define SCARD_SPECIFIC 0x40u

/* SCardGetStatusChange */
#define SCARD_STATE_UNAWARE 0x0000u
#define SCARD_STATE_IGNORE 0x0001u
#define SCARD_STATE_CHANGED 0x0002u
#define SCARD_STATE_UNKNOWN 0x0004u
#define SCARD_STATE_UNAVAILABLE 0x0008u
#define SCARD_STATE_EMPTY 0x0010u
#define SCARD_STATE_PRESENT 0x0020u
#define SCARD_STATE_ATRMATCH 0x0040u
#define SCARD_STATE_EXCLUSIVE 0x0080u
#define SCARD_STATE_INUSE 0x0100u
#define SCARD_STATE_MUTE 0x0200u
#define SCARD_STATE_UNPOWERED 0x0400u

/* Attributes: SCARD_ATTR_VALUE(class, tag) */
#define SCARD_ATTR_VENDOR_NAME 0x00010100u
#define SCARD_ATTR_CURRENT_PROTOCOL_TYPE 0x00080201u
#define SCARD_ATTR_ICC_PRESENCE 0x00090300u
#define SCARD_ATTR_ATR_STRING 0x00090303u
#define SCARD_ATTR_DEVICE_FRIENDLY_NAME 0x7FFF0003u
#define SCARD_ATTR_DEVICE_SYSTEM_NAME 0x7FFF0004u
#define SCARD_ATTR_SUPRESS_T1_IFS_REQUEST 0x7FFF0007u

/* Return codes of the resource manager, as unsigned 32-bit numbers; every platform returns them in a LONG. */
#define SCARD_S_SUCCESS 0x00000000u
#define SCARD_F_INTERNAL_ERROR 0x80100001u
#define SCARD_E_CANCELLED 0x80100002u
#define SCARD_E_INVALID_HANDLE 0x80100003u
#define SCARD_E_INVALID_PARAMETER 0x80100004u
#define SCARD_E_INVALID_TARGET 0x80100005u
#define SCARD_E_NO_MEMORY 0x80100006u
#define SCARD_F_WAITED_TOO_LONG 0x80100007u
#define SCARD_E_INSUFFICIENT_BUFFER 0x80100008u
#define SCARD_E_UNKNOWN_READER 0x80100009u
#define SCARD_E_TIMEOUT 0x8010000Au
#define SCARD_E_SHARING_VIOLATION 0x8010000Bu
#define SCARD_E_NO_SMARTCARD 0x8010000Cu
#define SCARD_E_UNKNOWN_CARD 0x8010000Du
#define SCARD_E_CANT_DISPOSE 0x8010000Eu
#define SCARD_E_PROTO_MISMATCH 0x8010000Fu
#define SCARD_E_NOT_READY 0x80100010u
#define SCARD_E_INVALID_VALUE 0x80100011u
#define SCARD_E_SYSTEM_CANCELLED 0x80100012u
#define SCARD_F_COMM_ERROR 0x80100013u
#define SCARD_F_UNKNOWN_ERROR 0x80100014u
#define SCARD_E_INVALID_ATR 0x80100015u
#define SCARD_E_NOT_TRANSACTED 0x80100016u
#define SCARD_E_READER_UNAVAILABLE 0x80100017u
#define SCARD_E_PCI_TOO_SMALL 0x80100019u
#define SCARD_E_READER_UNSUPPORTED 0x8010001Au
#define SCARD_E_DUPLICATE_READER 0x8010001Bu
#define SCARD_E_CARD_UNSUPPORTED 0x8010001Cu
#define SCARD_E_NO_SERVICE 0x8010001Du
#define SCARD_E_SERVICE_STOPPED 0x8010001Eu
#define SCARD_E_NO_READERS_AVAILABLE 0x8010002Eu
#define SCARD_W_UNSUPPORTED_CARD 0x80100065u
#define SCARD_W_UNRESPONSIVE_CARD 0x80100066u
#define SCARD_W_UNPOWERED_CARD 0x80100067u
#define SCARD_W_RESET_CARD 0x80100068u
#define SCARD_W_REMOVED_CARD 0x80100069u
#define SCARD_W_SECURITY_VIOLATION 0x8010006Au
/* Win32 codes that winscard.dll returns unchanged */
#define PCSC_WIN32_INVALID_HANDLE 6u
#define PCSC_WIN32_NOT_SUPPORTED 50u

#endif
