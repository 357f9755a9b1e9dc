/*
 * lock_file: an empty file whose lock (flock) says that a process has something for itself. The
 * lock ends with its process; the file may stay, and is taken over. Its name is removed only by the
 * holder, while he holds it.
 */
#ifndef DB_NET_LOCK_FILE_H
#define DB_NET_LOCK_FILE_H

/*
 * The lock as a descriptor, the caller's to close. `path` is relative to the directory dir_fd, or
 * to the working directory with AT_FDCWD; open_flags is O_CREAT (made with mode 0600 if it isn't
 * there) or 0; operation is LOCK_EX, or LOCK_SH for a look. A link is not followed. Waits while the
 * holder is an engine that was killed and is not gone yet, and out a look of another start.
 * -EWOULDBLOCK: another process holds it. -EEXIST: what is there is not a lock of ours. -ENOENT: it
 * isn't there, or with O_CREAT its directory isn't. Else -errno. Start-up thread.
 */
int lock_file_take(int dir_fd, const char *path, int open_flags, int operation);

#endif
