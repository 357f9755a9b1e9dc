/*
 * safe_file: files and names in directories that may belong to another user, such as a data
 * directory that root works in. The owner of a directory can put any name into it at any moment: a
 * link to somebody else's file, a second name of such a file, a pipe. So, for every caller:
 *
 *   - The last part of a path is never followed where it is a symbolic link. Links in the path to
 *     its directory are followed where root or the caller made them (and nobody else can have moved
 *     them there), or where they lead to a directory of the link's owner.
 *   - A new file is made exclusively (O_EXCL), mode 0600. If a file has that name already, it is
 *     never reused.
 *   - Only regular files are opened. In a directory of another user, root opens only that user's
 *     files, and its own where they have no second name.
 *   - Root makes, renames and removes names in a directory as the owner of that directory, so new
 *     files belong to that owner. Where root lacks CAP_SETUID, root makes the new file itself, and
 *     gives it to the owner if it may. Only a file that was just made is ever given away.
 *
 * In a directory of root's where others may write, root opens no file of its own that has a second
 * name.
 *
 * Each call resolves the path anew and uses the name relative to the directory that it found, so
 * that nothing can change between the check and the use. Cold calls, any thread. They change the
 * file system user for the length of a system call, and only for the calling thread. (Every such
 * change makes the process not dumpable and clears PR_SET_PDEATHSIG.) O_CLOEXEC is always set. All
 * return 0 or a descriptor, or -errno; beside the usual ones:
 *
 *   -ELOOP        a link that is not followed
 *   -EMEDIUMTYPE  not a regular file
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

/* The same as a stream, which the caller closes. NULL: errno. */
DIR *safe_opendir(const char *path);

/* Opens a file that exists; flags: the access mode, O_DIRECT. */
int safe_open(const char *path, int flags);

/* The same, only if it belongs to its directory's owner: for files that are copied into that
 * directory. */
int safe_open_owners(const char *path, int flags);

/* Makes a new file. -EEXIST: the name is taken. */
int safe_make(const char *path, int flags);

/* The same; a file or link that has the name is removed first, never written to. */
int safe_make_anew(const char *path, int flags);

/* Opens a file that exists, or makes a new one: for files that are locked. *made may be NULL. */
int safe_open_or_make(const char *path, int flags, bool *made);

/* Takes all rights to a file that exists from everybody but its owner. */
int safe_make_private(const char *path);

/* A stream from what such a call returned: a descriptor, which it takes over, or -errno. NULL:
 * errno. */
FILE *safe_stream(int fd, const char *mode);

/* Streams of safe_open for reading and of safe_make_anew for writing. NULL: errno. */
FILE *safe_fopen(const char *path);
FILE *safe_fmake_anew(const char *path);

/* Both names are in one directory. Replaces what has the new name, unless it is a directory. */
int safe_rename(const char *from, const char *to);

int safe_unlink(const char *path);

/*
 * Gives a UNIX socket a name in a directory, mode 0600 and the directory owner's. dir_fd: the
 * directory, opened by the caller; its path may be longer than a socket's. 0, or -errno:
 * -EADDRINUSE if the name is taken, also by a link.
 */
int safe_bind(int socket_fd, int dir_fd, const char *name);

/* Makes a directory, mode 0700. It belongs to the owner of the directory that it is in. */
int safe_mkdir(const char *path);

/* The same, but it belongs to the caller. */
int safe_mkdir_own(const char *path);

int safe_rmdir(const char *path);

/* Removes a directory and all in it; symbolic links in it are removed, not followed. */
int safe_remove_tree(const char *path);

/* Looks at the name itself, also where it is a link. */
int safe_lstat(const char *path, struct stat *out);

/* Splits a path: opens the directory of its last part, which is *name and points into path. */
int safe_parent_open(const char *path, const char **name);

/* strerror, but for errors that only this module returns, a text for operators. rc: -errno. */
const char *safe_strerror(int rc);

#endif
