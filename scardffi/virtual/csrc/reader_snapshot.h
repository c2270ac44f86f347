/* A copy of the data about a reader that programs can get, made while the mutex is locked. */
#ifndef SCARDFFI_VIRTUAL_READER_SNAPSHOT_H
#define SCARDFFI_VIRTUAL_READER_SNAPSHOT_H

#include "resource_manager.h"

struct reader_snapshot {
    char name[MAX_READERNAME + 1]; /* with a second NUL, as a multi-string has */
    DWORD state, protocol;
    bool has_card;
    unsigned char atr[MAX_ATR_SIZE];
    DWORD atr_length;
    unsigned char ifs_request[sizeof(DWORD)];
    DWORD ifs_request_length;
};

void reader_take_snapshot(const struct reader *reader, struct reader_snapshot *snapshot);

#endif
