/*
 * safe_file: files and names in directories that may belong to another user, as a data directory
 * does that root looks after. Whoever owns a directory can put any name into it at any moment: a
 * link to a file of somebody else, another name of one, a pipe. So, whoever runs this:
 *
 *   - The last part of a path is never followed where it is a symbolic link. Links in the path to
 *     its directory are followed where root or the caller made them (and nobody else can have moved
 *     them there), or where they lead to a directory of their own owner.
 *   - A new file is made exclusively (O_EXCL), mode 0600. What has its name is never reused.
 *   - Only regular files are opened. In a directory of another user, root opens only that user's
 *     files, and its own where they have no second name.
 *   - Root makes, renames and removes names in a directory as the owner of that directory, and so
 *     new files are the owner's. Where root lacks CAP_SETUID, a new file is made by root, and given
 *     to the owner if root may do that. Nothing but a file just made is ever given away.
 *
 * In a directory of root where others may write, root opens no file of its own with a second name.
 *
 * A path is resolved anew by each call and the name is used relative to the directory that was
 * found, so that nothing changes between the look and the use. Cold calls, any thread; they change
 * the caller's file system user for the length of a system call, and only this thread's. (As every
 * change of it does, that makes the process not dumpable and clears PR_SET_PDEATHSIG.)
 * O_CLOEXEC is always set. All return 0 or a descriptor, or -errno; beside the usual ones:
 *
 *   -ELOOP        a link that is not followed
 *   -EMEDIUMTYPE  no regular file
 *   -EMLINK       not the owner's file, or one with a second name
 */
#ifndef DB_ENGINE_BASE_SAFE_FILE_H
#define DB_ENGINE_BASE_SAFE_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/* A directory, for reading its names, for fsync and for flock. */
int safe_dir_open(const char *path);

/* The same as a stream, the caller's to close. NULL: errno. */
DIR *safe_opendir(const char *path);

/* A file that is there; flags: the access mode, O_DIRECT. */
int safe_open(const char *path, int flags);

/* The same, only where it is its directory owner's: for what is copied into that directory. */
int safe_open_owners(const char *path, int flags);

/* A new file. -EEXIST: something has the name. */
int safe_make(const char *path, int flags);

/* The same; a file or link that has the name is removed first, never written to. */
int safe_make_anew(const char *path, int flags);

/* A file that is there, or a new one: for files that are locked. *made may be NULL. */
int safe_open_or_make(const char *path, int flags, bool *made);

/* A stream of what such a call returned: a descriptor, which it takes over, or -errno. NULL: errno.
 */
FILE *safe_stream(int fd, const char *mode);

/* Streams of safe_open for reading and of safe_make_anew for writing. NULL: errno. */
FILE *safe_fopen(const char *path);
FILE *safe_fmake_anew(const char *path);

/* Both names are in one directory. Replaces what has the name, if it is no directory. */
int safe_rename(const char *from, const char *to);

int safe_unlink(const char *path);

/*
 * Gives a UNIX socket a name in a directory, mode 0600 and the directory owner's. dir_fd: the
 * directory, opened by the caller; its path may be longer than a socket's. 0, or -errno:
 * -EADDRINUSE where the name is taken, by a link too.
 */
int safe_bind(int socket_fd, int dir_fd, const char *name);

/* A directory, mode 0700, the owner's of the directory that it is in. */
int safe_mkdir(const char *path);

/* The same, but the caller's own. */
int safe_mkdir_own(const char *path);

int safe_rmdir(const char *path);

/* Removes a directory and all in it; symbolic links in it are removed, not followed. */
int safe_remove_tree(const char *path);

/* About the name itself, also where it is a link. */
int safe_lstat(const char *path, struct stat *out);

/* Splits a path: opens the directory of its last part, which is *name and points into path. */
int safe_parent_open(const char *path, const char **name);

/* strerror, and in an operator's words what only this module returns. rc: -errno. */
const char *safe_strerror(int rc);

#endif
