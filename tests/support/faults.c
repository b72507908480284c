/* Makes a chosen call that changes the disk fail, or kills the process at it. Loaded before the C library (LD_PRELOAD),
 * so that Python's calls and SQLite's both pass through here. tests/support/faults.py builds and drives it.
 *
 * A process starts unarmed. `faults_arm` names a folder; from then on every call that would change something below it
 * is counted, and the one with the number `at` meets the fault. Waiting for the disk (fsync) is counted but left out:
 * killing a process, unlike cutting the power, loses nothing that was written.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, FAIL, FAIL_FROM, KILL, TEAR };

static struct {
    char folder[4096];
    size_t length;
    int mode;
    long at;
    int error;
    int apart; /* the folders in it are disks of their own: nothing can be renamed from one to another */
    int log;
    long count;
} armed;

void faults_arm(const char *folder, int mode, long at, int error, int apart, int log) {
    armed.length = strlen(strncpy(armed.folder, folder, sizeof armed.folder - 1));
    armed.mode = mode;
    armed.at = at;
    armed.error = error;
    armed.apart = apart;
    armed.log = log;
    armed.count = 0;
}

static int below(const char *path) {
    return armed.length && !strncmp(path, armed.folder, armed.length) && strchr("/", path[armed.length]);
}

/* Where the descriptor leads to; "" for pipes and what has no name. */
static const char *name_of(int descriptor, char *buffer, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = armed.length ? readlink(link, buffer, size - 1) : -1;
    buffer[length < 0 ? 0 : length] = 0;
    return buffer;
}

/* Whether this call is to fail, with errno set. `frees`: it takes something away, which a full disk allows. */
static int struck(const char *call, const char *path, int frees) {
    if (!below(path)) return 0;
    long number = ++armed.count;
    if (armed.log >= 0) dprintf(armed.log, "%ld %s %s\n", number, call, path + armed.length);
    if (number == armed.at && armed.mode == KILL) raise(SIGKILL);
    int now = armed.mode == FAIL ? number == armed.at : armed.mode == FAIL_FROM && number >= armed.at;
    if (!now || (armed.mode == FAIL_FROM && armed.error == ENOSPC && frees)) return 0;
    errno = armed.error;
    return 1;
}

static int struck_at(const char *call, int folder, const char *path, int frees) {
    char base[4096], whole[8300];
    if (path[0] == '/' || !armed.length) return struck(call, path, frees);
    if (folder != AT_FDCWD) name_of(folder, base, sizeof base);
    else if (!getcwd(base, sizeof base)) base[0] = 0;
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return struck(call, whole, frees);
}

static int struck_open(const char *call, int descriptor) {
    char path[4096];
    return struck(call, name_of(descriptor, path, sizeof path), 0);
}

/* Bytes that are written before the process dies in the middle of a write; 0: it does not. */
static size_t torn(size_t length) { return armed.mode == TEAR && armed.count == armed.at ? (length + 1) / 2 : 0; }

#define REAL(name) static typeof(name) *real; if (!real) real = (typeof(name) *)dlsym(RTLD_NEXT, #name)
#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define OPEN_MODE(flags) \
    mode_t mode = 0; \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); OPEN_MODE(flags) \
        return WRITES(flags) && struck_at(#name, AT_FDCWD, path, 0) ? -1 : real(path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); OPEN_MODE(flags) \
        return WRITES(flags) && struck_at(#name, folder, path, 0) ? -1 : real(folder, path, flags, mode); \
    }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

#define PWRITE(name, offset_t) \
    ssize_t name(int descriptor, const void *data, size_t length, offset_t offset) { \
        REAL(name); \
        if (struck_open(#name, descriptor)) return -1; \
        size_t half = torn(length); \
        if (half) { real(descriptor, data, half, offset); raise(SIGKILL); } \
        return real(descriptor, data, length, offset); \
    }
PWRITE(pwrite, off_t) PWRITE(pwrite64, off64_t)

ssize_t write(int descriptor, const void *data, size_t length) {
    REAL(write);
    if (struck_open("write", descriptor)) return -1;
    size_t half = torn(length);
    if (half) { real(descriptor, data, half); raise(SIGKILL); }
    return real(descriptor, data, length);
}

#define DESCRIPTOR(result, name, frees, parameters, ...) \
    result name parameters { \
        char path[4096]; \
        REAL(name); \
        return struck(#name, name_of(descriptor, path, sizeof path), frees) ? -1 : real(__VA_ARGS__); \
    }
DESCRIPTOR(ssize_t, writev, 0, (int descriptor, const struct iovec *data, int n), descriptor, data, n)
DESCRIPTOR(ssize_t, pwritev, 0, (int descriptor, const struct iovec *data, int n, off_t o), descriptor, data, n, o)
DESCRIPTOR(ssize_t, copy_file_range, 0,
           (int from, off64_t *a, int descriptor, off64_t *b, size_t n, unsigned f), from, a, descriptor, b, n, f)
ssize_t sendfile(int descriptor, int from, off_t *offset, size_t length);
DESCRIPTOR(ssize_t, sendfile, 0, (int descriptor, int from, off_t *o, size_t n), descriptor, from, o, n)
ssize_t sendfile64(int descriptor, int from, off64_t *offset, size_t length);
DESCRIPTOR(ssize_t, sendfile64, 0, (int descriptor, int from, off64_t *o, size_t n), descriptor, from, o, n)
DESCRIPTOR(int, ftruncate, 0, (int descriptor, off_t length), descriptor, length)
DESCRIPTOR(int, ftruncate64, 0, (int descriptor, off64_t length), descriptor, length)
DESCRIPTOR(int, fchmod, 1, (int descriptor, mode_t mode), descriptor, mode)
DESCRIPTOR(int, futimens, 1, (int descriptor, const struct timespec t[2]), descriptor, t)

int fsync(int descriptor) { return struck_open("fsync", descriptor) ? -1 : 0; }
int fdatasync(int descriptor) { return struck_open("fdatasync", descriptor) ? -1 : 0; }

static int on_two_disks(const char *from, const char *to) {
    if (!armed.apart || !below(from) || !below(to)) return 0;
    size_t first = strcspn(from + armed.length + 1, "/");
    return strncmp(from + armed.length, to + armed.length, first + 2) != 0;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (struck("rename", to, 1)) return -1;
    if (on_two_disks(from, to)) { errno = EXDEV; return -1; }
    return real(from, to);
}

#define PATH(name, frees, parameters, folder, path, ...) \
    int name parameters { \
        REAL(name); \
        return struck_at(#name, folder, path, frees) ? -1 : real(__VA_ARGS__); \
    }
PATH(truncate, 0, (const char *path, off_t length), AT_FDCWD, path, path, length)
PATH(mkdir, 0, (const char *path, mode_t mode), AT_FDCWD, path, path, mode)
PATH(mkdirat, 0, (int at, const char *path, mode_t mode), at, path, at, path, mode)
PATH(rmdir, 1, (const char *path), AT_FDCWD, path, path)
PATH(unlink, 1, (const char *path), AT_FDCWD, path, path)
PATH(unlinkat, 1, (int at, const char *path, int flags), at, path, at, path, flags)
PATH(renameat, 1, (int a, const char *from, int b, const char *to), b, to, a, from, b, to)
PATH(renameat2, 1, (int a, const char *from, int b, const char *to, unsigned f), b, to, a, from, b, to, f)
PATH(link, 0, (const char *from, const char *to), AT_FDCWD, to, from, to)
PATH(linkat, 0, (int a, const char *from, int b, const char *to, int f), b, to, a, from, b, to, f)
PATH(symlink, 0, (const char *from, const char *to), AT_FDCWD, to, from, to)
PATH(chmod, 1, (const char *path, mode_t mode), AT_FDCWD, path, path, mode)
PATH(utimensat, 1, (int at, const char *path, const struct timespec t[2], int f), at, path, at, path, t, f)
