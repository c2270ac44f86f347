/* The operating system: POSIX and Windows. */
#if !defined(_WIN32)
#  define _GNU_SOURCE /* secure_getenv, dladdr */
#endif
#include "platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)

#  define WIN32_LEAN_AND_MEAN
#  include <windows.h>

const char *const platform_pcsc_names[] = {"winscard.dll", NULL};

void platform_mutex_init(platform_mutex *mutex)
{
    InitializeSRWLock((SRWLOCK *)mutex);
}

void platform_mutex_lock(platform_mutex *mutex)
{
    AcquireSRWLockExclusive((SRWLOCK *)mutex);
}

void platform_mutex_unlock(platform_mutex *mutex)
{
    ReleaseSRWLockExclusive((SRWLOCK *)mutex);
}

void platform_condition_init(platform_condition *condition)
{
    InitializeConditionVariable((CONDITION_VARIABLE *)condition);
}

void platform_condition_wait(platform_condition *condition, platform_mutex *mutex)
{
    SleepConditionVariableSRW((CONDITION_VARIABLE *)condition, (SRWLOCK *)mutex, INFINITE, 0);
}

void platform_condition_wake_all(platform_condition *condition)
{
    WakeAllConditionVariable((CONDITION_VARIABLE *)condition);
}

uintptr_t platform_thread(void)
{
    return GetCurrentThreadId();
}

void *platform_library_open(const char *path, char *message, size_t size, bool *missing)
{
    WCHAR wide[MAX_PATH * 4];
    bool is_path = strpbrk(path, "/\\") != NULL;
    /* A bare name is searched only in System32, so that a DLL beside the program is never loaded instead. */
    DWORD flags = LOAD_LIBRARY_SEARCH_SYSTEM32 | (is_path ? LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR : 0);
    HMODULE library = NULL;
    DWORD error = ERROR_BAD_PATHNAME;
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, MAX_PATH * 4) > 0) {
        library = LoadLibraryExW(wide, NULL, flags);
        error = library == NULL ? GetLastError() : ERROR_SUCCESS;
    }
    if (library != NULL)
        return (void *)library;
    *missing = error == ERROR_MOD_NOT_FOUND && (!is_path || GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES);
    if (FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0, message, (DWORD)size,
                       NULL) == 0)
        snprintf(message, size, "LoadLibraryEx failed with error %lu", error);
    return NULL;
}

void *platform_library_symbol(void *library, const char *name)
{
    return (void *)GetProcAddress((HMODULE)library, name);
}

char *platform_library_path(void *library, void *symbol)
{
    (void)symbol;
    WCHAR wide[MAX_PATH * 4];
    char path[MAX_PATH * 12];
    if (GetModuleFileNameW((HMODULE)library, wide, MAX_PATH * 4) == 0 ||
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, sizeof path, NULL, NULL) == 0)
        path[0] = '\0';
    return _strdup(path);
}

bool platform_path_beside(char *path, size_t size, const char *name)
{
    HMODULE module;
    WCHAR wide[MAX_PATH * 4];
    char own[MAX_PATH * 12];
    DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if (!GetModuleHandleExW(flags, (LPCWSTR)(const void *)&platform_pcsc_names, &module) ||
        GetModuleFileNameW(module, wide, MAX_PATH * 4) == 0 ||
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, own, sizeof own, NULL, NULL) == 0)
        return false;
    const char *end = strrchr(own, '\\');
    return end != NULL && snprintf(path, size, "%.*s\\%s.dll", (int)(end - own), own, name) < (int)size;
}

uint64_t platform_nanoseconds(void)
{
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (uint64_t)(ticks.QuadPart / frequency.QuadPart) * 1000000000u +
           (uint64_t)(ticks.QuadPart % frequency.QuadPart) * 1000000000u / (uint64_t)frequency.QuadPart;
}

const char *platform_environment(const char *name)
{
    return getenv(name);
}

static SRWLOCK global_mutex = SRWLOCK_INIT;

void platform_global_lock(void)
{
    AcquireSRWLockExclusive(&global_mutex);
}

void platform_global_unlock(void)
{
    ReleaseSRWLockExclusive(&global_mutex);
}

unsigned platform_process(void)
{
    return 0; /* Windows has no fork */
}

void platform_watch_forks(void)
{
}

#else

#  include <dlfcn.h>
#  include <errno.h>
#  include <time.h>
#  include <unistd.h>

#  if defined(__APPLE__)
const char *const platform_pcsc_names[] = {"/System/Library/Frameworks/PCSC.framework/PCSC", NULL};
#  else
const char *const platform_pcsc_names[] = {"libpcsclite.so.1", "libpcsclite.so", NULL};
#  endif

static pthread_mutex_t global_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned process_number;
static pthread_once_t forks_watched = PTHREAD_ONCE_INIT;

void platform_mutex_init(platform_mutex *mutex)
{
    *mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; /* pthread_mutex_init may fail */
}

void platform_condition_init(platform_condition *condition)
{
    *condition = (pthread_cond_t)PTHREAD_COND_INITIALIZER; /* pthread_cond_init may fail */
}

uintptr_t platform_thread(void)
{
    return (uintptr_t)pthread_self();
}

/* Return true if the message of dlopen says that the file of this bare name does not exist. In this case the message of
 * glibc begins with the name. For other problems it begins with the file's path, or with a library that the file needs.
 * The message of musl ends with the reason. */
static bool is_missing(const char *error, const char *name)
{
    static const char of_musl[] = "Error loading shared library ";
    size_t length = strlen(name);
    bool is_musl = strncmp(error, of_musl, sizeof of_musl - 1) == 0;
    if (is_musl) /* GCOVR_EXCL_BR_LINE: only musl's dlopen says this, and the measured build has glibc */
        error += sizeof of_musl - 1;
    if (strncmp(error, name, length) != 0 || error[length] != ':')
        return false;
    return !is_musl || strcmp(error + length, ": No such file or directory") == 0; /* GCOVR_EXCL_BR_LINE: musl */
}

void *platform_library_open(const char *path, char *message, size_t size, bool *missing)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL)
        return library;
    const char *error = dlerror();
    if (error == NULL)
        error = "dlopen failed without a message";
    snprintf(message, size, "%s", error);
    if (strchr(path, '/') != NULL)
        *missing = access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
    else
        *missing = is_missing(error, path);
    return NULL;
}

void *platform_library_symbol(void *library, const char *name)
{
    return dlsym(library, name);
}

char *platform_library_path(void *library, void *symbol)
{
    (void)library;
    Dl_info info;
    if (dladdr(symbol, &info) == 0 || info.dli_fname == NULL)
        return strdup("");
    char *path = realpath(info.dli_fname, NULL);
    return path != NULL ? path : strdup(info.dli_fname);
}

bool platform_path_beside(char *path, size_t size, const char *name)
{
#  if defined(__APPLE__)
    static const char suffix[] = ".dylib";
#  else
    static const char suffix[] = ".so";
#  endif
    Dl_info info;
    if (dladdr((const void *)&global_mutex, &info) == 0 || info.dli_fname == NULL)
        return false;
    const char *end = strrchr(info.dli_fname, '/');
    int folder_length = end != NULL ? (int)(end - info.dli_fname) : 0;
    return end != NULL && snprintf(path, size, "%.*s/%s%s", folder_length, info.dli_fname, name, suffix) < (int)size;
}

uint64_t platform_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const char *platform_environment(const char *name)
{
#  if defined(__GLIBC__)
    return secure_getenv(name);
#  else
    return getuid() == geteuid() && getgid() == getegid() ? getenv(name) : NULL;
#  endif
}

static void before_fork(void)
{
    pthread_mutex_lock(&global_mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&global_mutex);
}

static void after_fork_in_child(void)
{
    process_number++;
    pthread_mutex_unlock(&global_mutex);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void platform_global_lock(void)
{
    platform_watch_forks();
    pthread_mutex_lock(&global_mutex);
}

void platform_global_unlock(void)
{
    pthread_mutex_unlock(&global_mutex);
}

unsigned platform_process(void)
{
    return process_number;
}

void platform_watch_forks(void)
{
    pthread_once(&forks_watched, watch_forks);
}

#endif
