/* Opens the library that the argument names. Prints "opened", "missing" or "not loadable". */
#include <stdbool.h>
#include <stdio.h>

#include "platform.h"

int main(int count, char **arguments)
{
    char message[512];
    bool is_missing;
    if (count != 2)
        return 2;
    if (platform_library_open(arguments[1], message, sizeof message, &is_missing) != NULL)
        puts("opened");
    else
        puts(is_missing ? "missing" : "not loadable");
    return 0;
}
