/*
 * lock_file: an empty file whose lock (flock) says that a process has something for itself. The
 * lock ends with its process; the file may stay, and the next process takes it over. Only the
 * holder removes the file, while it holds the lock.
 */
#ifndef DB_NET_LOCK_FILE_H
#define DB_NET_LOCK_FILE_H

/*
 * Returns the lock as a descriptor, which the caller closes. `path` is relative to the directory
 * dir_fd, or to the working directory with AT_FDCWD; open_flags is O_CREAT (made with mode 0600 if
 * it isn't there) or 0; operation is LOCK_EX, or LOCK_SH to look only. A link is not followed.
 * Waits while the holder is an engine that was killed and has not ended yet, or another start that
 * only looks. -EWOULDBLOCK: another process holds it. -EEXIST: what has this name is not a lock of
 * ours. -ENOENT: it isn't there, or with O_CREAT its directory isn't. Else -errno. Start-up thread.
 */
int lock_file_take(int dir_fd, const char *path, int open_flags, int operation);

#endif
