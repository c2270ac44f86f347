/* SCardControl: the control codes of PC/SC part 10, and those of the reader's callback. */
#include <string.h>

#include "card_access.h"
#include "exports.h"
#include "faults.h"
#include "resource_manager.h"

#define CM_IOCTL_GET_FEATURE_REQUEST SCARD_CTL_CODE(3400u)
#define IOCTL_ECHO SCARD_CTL_CODE(2000u)
#define IOCTL_PIN_PROPERTIES SCARD_CTL_CODE(3009u)
#define IOCTL_TLV_PROPERTIES SCARD_CTL_CODE(3010u)

enum { FEATURE_IFD_PIN_PROPERTIES = 10, FEATURE_GET_TLV_PROPERTIES = 18, PROPERTY_MAX_APDU_DATA_SIZE = 10 };

#define BIG_ENDIAN_32(value)                                                                                           \
    (unsigned char)((value) >> 24), (unsigned char)((value) >> 16), (unsigned char)((value) >> 8),                     \
        (unsigned char)(value)

/* Part 10, 2.2: tag, length, control code. */
static const unsigned char features[] = {
    FEATURE_IFD_PIN_PROPERTIES, 4, BIG_ENDIAN_32(IOCTL_PIN_PROPERTIES),
    FEATURE_GET_TLV_PROPERTIES, 4, BIG_ENDIAN_32(IOCTL_TLV_PROPERTIES),
};
/* Part 10, 2.5.5 and 2.6.14, little-endian: no display; the entry of a PIN ends at its maximum length, by a key or by a
 * time-out; no time-out after the first key. */
static const unsigned char pin_properties[] = {0, 0, 7, 0};
static const unsigned char tlv_properties[] = {PROPERTY_MAX_APDU_DATA_SIZE, 4, 0x00, 0x00, 0x01, 0x00};

struct request {
    DWORD code;
    const unsigned char *input;
    DWORD input_length;
    unsigned char *output;
    DWORD room;
};

/* Write the output if it fits. Returns its length. */
static int64_t write_output(const struct request *request, const unsigned char *bytes, size_t length)
{
    if (length > 0 && length <= request->room)
        memmove(request->output, bytes, length);
    return (int64_t)length;
}

/* Returns the length of the output, or minus a PC/SC code. */
static int64_t run_reader_control(const struct request *request)
{
    switch (request->code) {
    case CM_IOCTL_GET_FEATURE_REQUEST:
        return write_output(request, features, sizeof features);
    case IOCTL_PIN_PROPERTIES:
        return write_output(request, pin_properties, sizeof pin_properties);
    case IOCTL_TLV_PROPERTIES:
        return write_output(request, tlv_properties, sizeof tlv_properties);
    case IOCTL_ECHO:
        return write_output(request, request->input, request->input_length);
    default:
        return -(int64_t)SCARD_E_UNSUPPORTED_FEATURE;
    }
}

/* The reader is busy during the callback, so that it never runs twice at a time or during a command. */
static int64_t run_callback(const struct scardvirtual_control *callback, const struct request *request)
{
    int64_t result = -(int64_t)SCARD_F_COMM_ERROR;
    callback->control(callback->data, (uint32_t)request->code, request->input, request->input_length, request->output,
                      request->room, &result);
    return result;
}

/* Like pcsc-lite, fail if another handle has a transaction. Wait until the running command has ended. Returns NULL and
 * sets *code on failure. */
static struct reader *begin_control(SCARDHANDLE handle_number, LONG *code)
{
    struct handle *handle;
    while ((*code = handle_find_usable(handle_number, &handle)) == SCARD_S_SUCCESS &&
           (*code = handle_check_transaction(handle)) == SCARD_S_SUCCESS && handle->reader->is_busy)
        if ((*code = reader_wait(handle->reader)) != SCARD_S_SUCCESS)
            return NULL;
    if (*code != SCARD_S_SUCCESS)
        return NULL;
    reader_begin_use(handle->reader, handle);
    return handle->reader;
}

EXPORTED LONG PCSC_CALL PCSC_CONTROL(SCARDHANDLE handle_number, DWORD control_code, const void *input,
                                     DWORD input_length, void *output, DWORD output_size, DWORD *output_length)
{
    LONG code;
    if (output_length != NULL)
        *output_length = 0;
    if (fault_ends_call(FUNCTION_SCardControl, &code, NULL))
        return code;
    if ((input == NULL && input_length > 0) || (output == NULL && output_size > 0))
        return (LONG)SCARD_E_INVALID_PARAMETER;

    /* Unlike in SCardTransmit, a reset or removal of the card does not matter. */
    pthread_mutex_lock(&manager_mutex);
    if (input_length > MAX_BUFFER_SIZE_EXTENDED && handle_find(handle_number) != NULL) {
        pthread_mutex_unlock(&manager_mutex);
        return (LONG)SCARD_E_INSUFFICIENT_BUFFER;
    }
    struct reader *reader = begin_control(handle_number, &code);
    if (reader == NULL) {
        pthread_mutex_unlock(&manager_mutex);
        return code;
    }
    const struct scardvirtual_control callback = reader->control;
    pthread_mutex_unlock(&manager_mutex);

    const struct request request = {control_code, input, input_length, output, output_size};
    int64_t length = callback.control != NULL ? run_callback(&callback, &request) : SCARDVIRTUAL_NOT_HANDLED;
    if (length == SCARDVIRTUAL_NOT_HANDLED)
        length = run_reader_control(&request);
    pthread_mutex_lock(&manager_mutex);
    reader_end_use(reader);
    pthread_mutex_unlock(&manager_mutex);
    if (length < 0)
        return code_from_result(length);
    if (output_length != NULL)
        *output_length = (DWORD)length;
    return (DWORD)length > output_size ? (LONG)SCARD_E_INSUFFICIENT_BUFFER : (LONG)SCARD_S_SUCCESS;
}
