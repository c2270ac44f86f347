/* The names of PC/SC's return codes. */
#ifndef SCARDFFI_VIRTUAL_CODE_NAMES_H
#define SCARDFFI_VIRTUAL_CODE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Returns false if no code has this name. */
bool code_from_name(const char *name, uint32_t *code);

#endif
