/* The operating system: POSIX and Windows. */
#define _GNU_SOURCE
#if defined(_WIN32)
#  define WIN32_LEAN_AND_MEAN
#  define _WIN32_WINNT 0x0602 /* Windows 8: GetSystemTimePreciseAsFileTime */
#endif
#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)

#  include <windows.h>

static HANDLE handle_of(system_file file)
{
    return (HANDLE)file;
}

static int errno_of(DWORD error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_NO_UNICODE_TRANSLATION:
        return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_WRITE_PROTECT:
        return EACCES;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
        return ENOSPC;
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
        return EPIPE;
    case ERROR_NOT_ENOUGH_MEMORY:
        return ENOMEM;
    default:
        return EIO;
    }
}

/* The user of this process, and an access control list that has only this user. */
struct private_access {
    union {
        TOKEN_USER user;
        unsigned char memory[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
    union {
        ACL list;
        unsigned char memory[sizeof(ACL) + sizeof(ACCESS_ALLOWED_ACE) + SECURITY_MAX_SID_SIZE];
    } access;
    SECURITY_DESCRIPTOR descriptor;
};

static bool only_this_user(struct private_access *private)
{
    HANDLE token;
    DWORD length;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    bool is_known =
        GetTokenInformation(token, TokenUser, &private->token, sizeof private->token, &length) &&
        InitializeAcl(&private->access.list, sizeof private->access, ACL_REVISION) &&
        AddAccessAllowedAce(&private->access.list, ACL_REVISION, FILE_ALL_ACCESS, private->token.user.User.Sid) &&
        InitializeSecurityDescriptor(&private->descriptor, SECURITY_DESCRIPTOR_REVISION) &&
        SetSecurityDescriptorDacl(&private->descriptor, TRUE, &private->access.list, FALSE) &&
        SetSecurityDescriptorControl(&private->descriptor, SE_DACL_PROTECTED, SE_DACL_PROTECTED);
    CloseHandle(token);
    return is_known;
}

system_file system_open(const char *path, int *error)
{
    HANDLE file = INVALID_HANDLE_VALUE;
    struct private_access private;
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, &private.descriptor, FALSE};
    int room = MultiByteToWideChar(CP_UTF8, 0, path, -1, NULL, 0);
    WCHAR *wide = room > 0 ? malloc((size_t)room * sizeof *wide) : NULL;
    if (wide != NULL && MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, room) > 0)
        /* With FILE_APPEND_DATA and without FILE_WRITE_DATA, each write is appended as a whole. */
        file = CreateFileW(wide, FILE_APPEND_DATA | FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                           FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                           only_this_user(&private) ? &attributes : NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        *error = errno_of(GetLastError());
    free(wide);
    return file != INVALID_HANDLE_VALUE ? (system_file)file : SYSTEM_NO_FILE;
}

system_file system_duplicate(system_file file, int *error)
{
    HANDLE copy, process = GetCurrentProcess();
    if (DuplicateHandle(process, handle_of(file), process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return (system_file)copy;
    *error = EBADF;
    return SYSTEM_NO_FILE;
}

system_file system_stderr(void)
{
    return (system_file)GetStdHandle(STD_ERROR_HANDLE);
}

void system_close(system_file file)
{
    CloseHandle(handle_of(file));
}

bool system_is_regular(system_file file)
{
    return GetFileType(handle_of(file)) == FILE_TYPE_DISK;
}

bool system_is_empty(system_file file)
{
    LARGE_INTEGER size;
    return GetFileSizeEx(handle_of(file), &size) && size.QuadPart == 0;
}

size_t system_read_start(system_file file, void *bytes, size_t length)
{
    OVERLAPPED start = {0};
    DWORD done = 0;
    return ReadFile(handle_of(file), bytes, (DWORD)length, &done, &start) ? done : 0;
}

/* A lock keeps others from reading and writing the bytes that it covers, so it covers one far behind the end. */
static OVERLAPPED lock_place(void)
{
    OVERLAPPED place = {0};
    place.OffsetHigh = 0x7FFFFFFF;
    return place;
}

void system_lock(system_file file)
{
    OVERLAPPED place = lock_place();
    LockFileEx(handle_of(file), LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &place);
}

void system_unlock(system_file file)
{
    OVERLAPPED place = lock_place();
    UnlockFileEx(handle_of(file), 0, 1, 0, &place);
}

size_t system_write_file(system_file file, const unsigned char *bytes, size_t length, int *error)
{
    size_t done = 0;
    while (done < length) {
        DWORD written = 0;
        if (!WriteFile(handle_of(file), bytes + done, (DWORD)(length - done), &written, NULL) || written == 0) {
            *error = errno_of(GetLastError());
            break;
        }
        done += written;
    }
    return done;
}

size_t system_write_pipe(system_file file, const unsigned char *bytes, size_t length, int *error)
{
    return system_write_file(file, bytes, length, error);
}

void system_take_back(system_file file, size_t done)
{
    (void)file; /* a file that is only appended to cannot be cut; the reader of the file skips the part */
    (void)done;
}

struct system_errors system_keep_errors(void)
{
    return (struct system_errors){errno, GetLastError()};
}

void system_restore_errors(struct system_errors errors)
{
    errno = errors.number;
    SetLastError(errors.last);
}

uint64_t system_time(void)
{
    FILETIME now; /* since 1601, in steps of 100 ns */
    GetSystemTimePreciseAsFileTime(&now);
    uint64_t steps = (uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime;
    return (steps - 116444736000000000u) * 100u;
}

bool system_local_time(time_t seconds, struct tm *local)
{
    return localtime_s(local, &seconds) == 0;
}

uint32_t system_process(void)
{
    return GetCurrentProcessId();
}

uint64_t system_thread(void)
{
    return GetCurrentThreadId();
}

void system_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    (void)before; /* Windows has no fork */
    (void)in_parent;
    (void)in_child;
}

#else

#  include <fcntl.h>
#  include <poll.h>
#  include <pthread.h>
#  include <signal.h>
#  include <sys/file.h>
#  include <sys/stat.h>
#  include <unistd.h>
#  if defined(__linux__)
#    include <sys/syscall.h>
#  endif

system_file system_duplicate(system_file file, int *error)
{
    int copy = fcntl((int)file, F_DUPFD_CLOEXEC, 3); /* 0 to 2 stay free for a program that has closed them */
    *error = errno;
    return copy;
}

system_file system_open(const char *path, int *error)
{
    int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    int file = open(path, O_RDWR | flags, 0600);
    if (file < 0 && errno != ENOENT)
        file = open(path, O_WRONLY | flags, 0600); /* for example another user's terminal */
    *error = errno;
    if (file < 0 || file > 2)
        return file;
    system_file other = system_duplicate(file, error);
    close(file);
    return other;
}

system_file system_stderr(void)
{
    return STDERR_FILENO;
}

void system_close(system_file file)
{
    close((int)file);
}

bool system_is_regular(system_file file)
{
    struct stat status;
    return fstat((int)file, &status) == 0 && S_ISREG(status.st_mode);
}

bool system_is_empty(system_file file)
{
    struct stat status;
    return fstat((int)file, &status) == 0 && status.st_size == 0;
}

size_t system_read_start(system_file file, void *bytes, size_t length)
{
    ssize_t done = pread((int)file, bytes, length, 0);
    return done > 0 ? (size_t)done : 0;
}

void system_lock(system_file file)
{
    while (flock((int)file, LOCK_EX) != 0 && errno == EINTR)
        ; /* without a lock, for example on some network file systems, two processes may both write a head */
}

void system_unlock(system_file file)
{
    flock((int)file, LOCK_UN);
}

size_t system_write_file(system_file file, const unsigned char *bytes, size_t length, int *error)
{
    size_t done = 0;
    *error = ENOSPC; /* if a write returns 0 */
    while (done < length) {
        ssize_t written = write((int)file, bytes + done, length - done);
        if (written > 0) {
            done += (size_t)written;
            continue;
        }
        if (written == 0)
            break;
        *error = errno;
        if (errno == EAGAIN) { /* another program made the pipe or terminal non-blocking */
            struct pollfd wait = {(int)file, POLLOUT, 0};
            if (poll(&wait, 1, 1000) <= 0)
                break;
        } else if (errno != EINTR)
            break;
    }
    return done;
}

size_t system_write_pipe(system_file file, const unsigned char *bytes, size_t length, int *error)
{
    sigset_t broken_pipe, pending, before;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    size_t done = system_write_file(file, bytes, length, error);
    if (done < length && *error == EPIPE && !was_pending) {
        int taken;
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE) == 1)
            sigwait(&broken_pipe, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return done;
}

void system_take_back(system_file file, size_t done)
{
    struct stat status;
    off_t end = lseek((int)file, 0, SEEK_CUR);
    if (end < (off_t)done || flock((int)file, LOCK_EX | LOCK_NB) != 0)
        return;
    if (fstat((int)file, &status) == 0 && status.st_size == end && ftruncate((int)file, end - (off_t)done) != 0)
        errno = 0; /* the reader of the file skips the part */
    flock((int)file, LOCK_UN);
}

struct system_errors system_keep_errors(void)
{
    return (struct system_errors){errno, 0};
}

void system_restore_errors(struct system_errors errors)
{
    errno = errors.number;
}

uint64_t system_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool system_local_time(time_t seconds, struct tm *local)
{
    return localtime_r(&seconds, local) != NULL;
}

uint32_t system_process(void)
{
    return (uint32_t)getpid();
}

uint64_t system_thread(void)
{
#  if defined(__linux__)
    return (uint64_t)syscall(SYS_gettid);
#  elif defined(__APPLE__)
    uint64_t number;
    pthread_threadid_np(NULL, &number);
    return number;
#  else
    return (uint64_t)(uintptr_t)pthread_self();
#  endif
}

void system_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    pthread_atfork(before, in_parent, in_child);
}

#endif
