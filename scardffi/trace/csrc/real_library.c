/* The real PC/SC library: it has the same name as the stand-in of this library, so the loader does not find it by name.
 */
#define _GNU_SOURCE
#include "pcsc_abi.h"

#if defined(SCARDFFI_ABI_PCSCLITE)

#  include "real_library.h"

#  include <dlfcn.h>
#  include <stdio.h>
#  include <stdlib.h>
#  include <string.h>
#  if defined(__GLIBC__)
#    include <link.h>
#  endif

#  include "platform.h"

/* Folders that the loader may know only from its cache. */
static const char other_folders[] = "/lib:/usr/lib:/usr/local/lib:/usr/lib64:/usr/local/lib64";

/* Load a library, unless it is this one under another name. */
static void *open_other(const char *path)
{
    char message[512];
    bool is_missing;
    void *library = platform_library_open(path, message, sizeof message, &is_missing);
    if (library != NULL && platform_library_symbol(library, "scardtrace_slot") != NULL)
        return NULL;
    if (library == NULL && !is_missing)
        fprintf(stderr, "scardffi: %s\n", message);
    return library;
}

static void *open_in_folder(const char *folder, size_t length)
{
    char path[4096];
    void *library = NULL;
    for (const char *const *name = platform_pcsc_names; *name != NULL && library == NULL && length > 0; name++)
        if (snprintf(path, sizeof path, "%.*s/%s", (int)length, folder, *name) < (int)sizeof path)
            library = open_other(path);
    return library;
}

static void *open_in_folders(const char *folders)
{
    void *library = NULL;
    while (library == NULL && *folders != '\0') {
        size_t length = strcspn(folders, ":;");
        library = open_in_folder(folders, length);
        folders += length;
        folders += strspn(folders, ":;");
    }
    return library;
}

/* Search where the loader searches. */
static void *open_where_loader_searches(void)
{
    void *found = NULL;
#  if defined(__GLIBC__)
    void *self = dlopen(NULL, RTLD_NOW | RTLD_NOLOAD);
    Dl_serinfo size;
    if (self == NULL || dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0)
        return NULL;
    Dl_serinfo *folders = malloc(size.dls_size);
    if (folders == NULL)
        return NULL;
    *folders = size;
    if (dlinfo(self, RTLD_DI_SERINFOSIZE, folders) == 0 && dlinfo(self, RTLD_DI_SERINFO, folders) == 0)
        for (unsigned i = 0; i < folders->dls_cnt && found == NULL; i++)
            found = open_in_folder(folders->dls_serpath[i].dls_name, strlen(folders->dls_serpath[i].dls_name));
    free(folders);
#  else
    const char *folders = platform_environment("LD_LIBRARY_PATH");
    if (folders != NULL)
        found = open_in_folders(folders);
#  endif
    return found;
}

void *real_library_open(void)
{
    const char *named = platform_environment("SCARDFFI_LIBRARY");
    void *library = NULL;
    if (named != NULL && named[0] != '\0')
        library = open_other(named);
    if (library == NULL && (named == NULL || strchr(named, '/') == NULL))
        library = open_where_loader_searches();
    if (library == NULL && (named == NULL || strchr(named, '/') == NULL))
        library = open_in_folders(other_folders);
    if (library == NULL)
        fprintf(stderr,
                "scardffi: the trace library finds no PC/SC library to pass calls on to; set SCARDFFI_LIBRARY to "
                "its path\n");
    return library;
}

#endif
