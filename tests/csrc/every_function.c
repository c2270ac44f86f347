/* A PC/SC library with every function, also those that only Windows has. Each does nothing and returns 0x1234. */
#include "pcsc_api.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define DEFINE_FUNCTION(need, name, arguments, ...)                                                                    \
    LONG name(__VA_ARGS__);                                                                                            \
    LONG name(__VA_ARGS__)                                                                                             \
    {                                                                                                                  \
        return 0x1234;                                                                                                 \
    }
#define SCardControl PCSC_CONTROL /* its symbol on this platform */
PCSC_EVERY_FUNCTION(DEFINE_FUNCTION)
