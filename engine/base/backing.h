/*
 * backing: what lies under a directory: a disk, or memory. A journal in memory is durable in name
 * only. The file system's own name is not enough to know that: an overlay writes into its upper
 * layer, a loop device into a file, a device of the device mapper into others. So each layer is
 * looked at, as far as it can be seen from here.
 *
 * Cold calls, any thread. They change nothing.
 */
#ifndef DB_ENGINE_BASE_BACKING_H
#define DB_ENGINE_BASE_BACKING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

enum backing_kind {
	BACKING_DISK,       /* or another machine; nothing speaks against it */
	BACKING_UNSEEN,     /* a file system with extents; which disk it is on can't be seen here */
	BACKING_MEMORY,     /* a power cut loses all of it */
	BACKING_VOLATILE,   /* an overlay that was told never to flush */
	BACKING_NO_BARRIER, /* a file system that never flushes the cache of its disk */
};

struct backing {
	enum backing_kind kind;
	char what[256];       /* the layers, from the top: "overlay on tmpfs" */
	char point[PATH_MAX]; /* of the mount that is to blame; "" if it isn't known */
};

/* A line of mountinfo, as proc(5) has it. */
struct backing_mount {
	unsigned id;
	unsigned major;
	unsigned minor;
	char point[PATH_MAX];
	char type[32];
	char source[PATH_MAX];
	/* Of the file system; long lists of lower layers are cut off, see backing_mount_parse. */
	char options[2 * PATH_MAX];
};

/*
 * Takes a line of mountinfo apart; octal escapes in the paths are resolved. The option lowerdir is
 * left out: it may have hundreds of paths, and nothing is written there. False: it is none.
 */
bool backing_mount_parse(char *line, struct backing_mount *out);

/* Whether the options, with commas between, have this one; with `name=` its value, else "". NULL:
 * they don't. `out` has PATH_MAX bytes. */
bool backing_option(const char *options, const char *name, char *out);

/* Looks at a block device. sys: "/sys", or what stands for it in a test. */
void backing_of_device(const char *sys, unsigned major, unsigned minor, struct backing *out);

/* Looks at what a directory or file is on. */
void backing_of_path(const char *path, struct backing *out);

/*
 * Adds to the line which mount keeps the path, or the directory that it would be made in, from
 * being written, and the remedy. For errors that are EROFS.
 */
void backing_add_read_only(struct error *error, const char *path, const char *remedy);

/* The number of the mount that a path is on; 0: unknown. */
unsigned backing_mount_id(const char *path);

#endif
