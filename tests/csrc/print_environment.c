/* Prints an environment variable as the core reads it, and whether this process runs set-uid. */
#include <stdio.h>
#include <unistd.h>

#include "platform.h"

int main(int count, char **arguments)
{
    const char *value = count > 1 ? platform_environment(arguments[1]) : NULL;
    printf("%s %s\n", geteuid() == getuid() ? "plain" : "set-uid", value != NULL ? value : "nothing");
    return 0;
}
