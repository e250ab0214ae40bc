/*
 * Loaded before the C library's own (LD_PRELOAD), it writes down what a process does to the files of
 * one folder, and what it writes to standard output, in the order in which it happened. From that,
 * `replay.ts` builds what a power loss could have left. It can also let a call fail.
 *
 *   RECORD_FOLDER  absolute path of the folder
 *   RECORD_LOG     where the record goes
 *   RECORD_FAIL    "write:28:7": the 7th write to a database file fails with errno 28, and those
 *                  after it, up to RECORD_FAIL_COUNT (default 1); or "sync:5:2"
 *
 * A record: operation (1 byte), length of the path (2), the path, offset (8), length (4), bytes; all
 * little-endian. For 'T' (truncate) the offset is the new size, for 'R' (rename) the bytes are the
 * new path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[FILES];
static int log_file = -1;
static const char *folder;
static size_t folder_length;

static char fail_kind;
static int fail_errno, fail_at, fail_count, fail_seen;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);
static int (*real_close)(int);
static int (*real_open)(const char *, int, ...);

__attribute__((constructor)) static void start(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_close = dlsym(RTLD_NEXT, "close");
  real_open = dlsym(RTLD_NEXT, "open");
  folder = getenv("RECORD_FOLDER");
  const char *log = getenv("RECORD_LOG");
  if (folder == NULL || log == NULL) return;
  folder_length = strlen(folder);
  log_file = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  char kind[8] = "";
  const char *fail = getenv("RECORD_FAIL");
  const char *count = getenv("RECORD_FAIL_COUNT");
  if (fail != NULL && sscanf(fail, "%7[a-z]:%d:%d", kind, &fail_errno, &fail_at) == 3) {
    fail_kind = kind[0];
    fail_count = count == NULL ? 1 : atoi(count);
  }
}

/* The index of the log is shared memory and never read after a crash. */
static int is_ours(const char *path) {
  if (log_file < 0 || path == NULL || strncmp(path, folder, folder_length) != 0) return 0;
  if (path[folder_length] != '/' && path[folder_length] != 0) return 0;
  size_t length = strlen(path);
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static void record(char op, const char *path, uint64_t offset, const void *bytes, uint32_t length) {
  unsigned char head[3 + 4096 + 12];
  uint16_t path_length = (uint16_t)strlen(path);
  size_t at = 0;
  head[at++] = (unsigned char)op;
  memcpy(head + at, &path_length, 2);
  at += 2;
  memcpy(head + at, path, path_length);
  at += path_length;
  memcpy(head + at, &offset, 8);
  at += 8;
  memcpy(head + at, &length, 4);
  at += 4;
  struct iovec parts[2] = {{head, at}, {(void *)bytes, length}};
  if (syscall(SYS_writev, log_file, parts, 2) != (long)(at + length)) abort();
}

static const char *path_of(int fd) {
  if (fd == 1 && log_file >= 0) return "";
  return fd >= 0 && fd < FILES ? paths[fd] : NULL;
}

/* Whether this call is one of those that are to fail. */
static int fails(char kind, const char *path) {
  if (kind != fail_kind || strstr(path, "mintmark.db") == NULL) return 0;
  fail_seen += 1;
  if (fail_seen < fail_at || fail_seen >= fail_at + fail_count) return 0;
  errno = fail_errno;
  return 1;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  const char *path = path_of(fd);
  if (path == NULL) return real_write(fd, bytes, length);
  pthread_mutex_lock(&lock);
  off_t offset = path[0] == 0 ? 0 : lseek(fd, 0, SEEK_CUR);
  ssize_t done = path[0] != 0 && fails('w', path) ? -1 : real_write(fd, bytes, length);
  if (done > 0) record('W', path, (uint64_t)offset, bytes, (uint32_t)done);
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  const char *path = path_of(fd);
  if (path == NULL || path[0] == 0) return real_pwrite(fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  ssize_t done = fails('w', path) ? -1 : real_pwrite(fd, bytes, length, offset);
  if (done > 0) record('W', path, (uint64_t)offset, bytes, (uint32_t)done);
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite(fd, bytes, length, offset);
}

int ftruncate(int fd, off_t size) {
  const char *path = path_of(fd);
  if (path == NULL || path[0] == 0) return real_ftruncate(fd, size);
  pthread_mutex_lock(&lock);
  int result = real_ftruncate(fd, size);
  if (result == 0) record('T', path, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

/* A sync that fails has kept nothing: what it should have kept stays unsynced in the record. */
static int sync_file(int fd, int (*real)(int)) {
  const char *path = path_of(fd);
  if (path == NULL || path[0] == 0) return real(fd);
  pthread_mutex_lock(&lock);
  int result = fails('s', path) ? -1 : real(fd);
  if (result == 0) record('S', path, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int fsync(int fd) { return sync_file(fd, real_fsync); }

int fdatasync(int fd) { return sync_file(fd, real_fdatasync); }

int unlink(const char *path) {
  pthread_mutex_lock(&lock);
  int result = real_unlink(path);
  if (result == 0 && is_ours(path)) record('U', path, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int rename(const char *from, const char *to) {
  pthread_mutex_lock(&lock);
  int result = real_rename(from, to);
  if (result == 0 && is_ours(from)) record('R', from, 0, to, (uint32_t)strlen(to));
  pthread_mutex_unlock(&lock);
  return result;
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (!is_ours(path)) return real_open(path, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat before;
  int is_new = stat(path, &before) != 0;
  int fd = real_open(path, flags, mode);
  if (fd >= 0 && fd < FILES) {
    free(paths[fd]);
    paths[fd] = strdup(path);
    if (is_new) record('C', path, 0, NULL, 0);
    else if (flags & O_TRUNC) record('T', path, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return open(path, flags, mode);
}

int close(int fd) {
  pthread_mutex_lock(&lock);
  if (fd >= 0 && fd < FILES) {
    free(paths[fd]);
    paths[fd] = NULL;
  }
  int result = real_close(fd);
  pthread_mutex_unlock(&lock);
  return result;
}
