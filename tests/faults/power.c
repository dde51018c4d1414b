/* Keeps a journal of what a process writes to a folder and of what it has synced, so that a power cut can be played.
   For LD_PRELOAD. POWER_FOLDER is the folder, POWER_JOURNAL the file of the journal; tests/faults/power.py reads it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITTEN = 'w', CUT = 't', SYNCED = 's', UNLINKED = 'u' };

struct record {
  uint8_t what;
  uint8_t pad[3];
  uint32_t path_length;
  uint64_t offset;
  uint64_t length;
};

static int journal = -1;
static char folder[PATH_MAX];
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("POWER_JOURNAL"), *watched = getenv("POWER_FOLDER");
  if (path && watched && realpath(watched, folder)) {
    folder_length = strlen(folder);
    journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
}

/* One writev: with O_APPEND the records of several threads do not mix. */
static void keep(uint8_t what, const char *path, uint64_t offset, const void *data, uint64_t length, uint64_t carried) {
  struct record record = {what, {0}, (uint32_t)strlen(path), offset, length};
  struct iovec parts[] = {{&record, sizeof record}, {(void *)path, record.path_length}, {(void *)data, carried}};
  if (syscall(SYS_writev, journal, parts, carried ? 3 : 2) < 0) abort();
}

/* The path of a descriptor if it is in the folder or the folder itself; a memory-mapped index is no data. */
static int watched(int fd, char *path) {
  char link[40];
  if (journal < 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < (ssize_t)folder_length || strncmp(path, folder, folder_length)) return 0;
  path[length] = 0;
  return length < 4 || strcmp(path + length - 4, "-shm");
}

/* What was done is kept once it is done: a sync that is in the journal has been one. */
#define AFTER(result, good, what, offset, data, length, carried)         \
  do {                                                                   \
    char path[PATH_MAX];                                                 \
    if ((good) && watched(fd, path)) keep(what, path, offset, data, length, carried); \
    return result;                                                       \
  } while (0)

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  ssize_t done = syscall(SYS_pwrite64, fd, data, length, offset);
  AFTER(done, done > 0, WRITTEN, (uint64_t)offset, data, (uint64_t)done, (uint64_t)done);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
  off64_t offset = journal < 0 ? 0 : lseek64(fd, 0, SEEK_CUR);
  ssize_t done = syscall(SYS_write, fd, data, length);
  AFTER(done, done > 0 && offset >= 0, WRITTEN, (uint64_t)offset, data, (uint64_t)done, (uint64_t)done);
}

int ftruncate64(int fd, off64_t length) {
  int failed = (int)syscall(SYS_ftruncate, fd, length);
  AFTER(failed, !failed, CUT, 0, NULL, (uint64_t)length, 0);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* As slow as a disk that turns, so that a cut finds writes under way. */
static int sync_with(long call, int fd) {
  if (journal >= 0) usleep(20000);
  int failed = (int)syscall(call, fd);
  AFTER(failed, !failed, SYNCED, 0, NULL, 0, 0);
}

int fsync(int fd) { return sync_with(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }

int unlink(const char *name) {
  char path[PATH_MAX];
  int known = journal >= 0 && realpath(name, path) && !strncmp(path, folder, folder_length);
  int failed = (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
  if (!failed && known) keep(UNLINKED, path, 0, NULL, 0, 0);
  return failed;
}
