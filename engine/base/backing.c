#include "engine/base/backing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>

#include "engine/base/check.h"

enum {
	/* An overlay on a loop device on a volume of the device mapper on a partition, and more. */
	LAYERS_MAX = 16,
};

static const char SYS[] = "/sys";

/* File systems that keep everything in memory. */
static const char *const memory_types[] = {"tmpfs", "ramfs", "devtmpfs", "hugetlbfs", "rootfs"};

/* Block devices that do, by how their names begin. */
static const char *const memory_devices[] = {"ram", "zram", "nullb"};

static const struct {
	const char *name;
	const char *value;
} no_barrier[] = {
	{"nobarrier", ""},
	{"barrier=", "0"},
	{"barrier=", "none"},
	{"fsync_mode=", "nobarrier"},
};

static void look_at_device(const char *sys, unsigned major, unsigned minor, unsigned depth,
			   struct backing *out);
static void look_at_path(const char *path, unsigned depth, struct backing *out);

/* Adds a layer on top of those that were found. */
static void on_top(struct backing *out, const char *layer)
{
	char below[sizeof(out->what)];

	snprintf(below, sizeof(below), "%s", out->what);
	snprintf(out->what, sizeof(out->what), "%.100s%s%.140s", layer,
		 below[0] != '\0' ? " on " : "", below);
}

/* Resolves \040 and the like in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; to++) {
		unsigned code;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
			*to = (char)code;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

bool backing_option(const char *options, const char *name, char *out)
{
	const size_t bytes = strlen(name);

	for (const char *at = options; *at != '\0';) {
		const size_t len = strcspn(at, ",");
		const bool has_value = name[bytes - 1] == '=';

		if (strncmp(at, name, bytes) == 0 && (has_value || len == bytes) &&
		    len - bytes < PATH_MAX) {
			snprintf(out, PATH_MAX, "%.*s", (int)(len - bytes), at + bytes);
			return true;
		}
		at += len + (at[len] == ',');
	}
	return false;
}

/* Copies the options, but not lowerdir. */
static bool copy_options(char *text, char *out, size_t out_bytes)
{
	size_t used = 0;
	const char *one;

	out[0] = '\0';
	while ((one = strsep(&text, ",")) != NULL) {
		if (strncmp(one, "lowerdir", strlen("lowerdir")) == 0)
			continue;
		used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", used > 0 ? "," : "",
					 one);
		if (used >= out_bytes)
			return false;
	}
	return true;
}

static bool copy(const char *text, char *out, size_t out_bytes)
{
	return text != NULL && (size_t)snprintf(out, out_bytes, "%s", text) < out_bytes;
}

bool backing_mount_parse(char *line, struct backing_mount *out)
{
	char *rest = strstr(line, " - ");
	char *options;
	char *point;

	line[strcspn(line, "\n")] = '\0';
	*out = (struct backing_mount){0};
	if (rest == NULL || sscanf(line, "%u %*u %u:%u ", &out->id, &out->major, &out->minor) != 3)
		return false;
	rest += strlen(" - ");
	for (unsigned i = 0; i < 4; i++)
		(void)strsep(&line, " ");
	point = strsep(&line, " ");
	if (!copy(point, out->point, sizeof(out->point)) ||
	    !copy(strsep(&rest, " "), out->type, sizeof(out->type)) ||
	    !copy(strsep(&rest, " "), out->source, sizeof(out->source)))
		return false;
	options = strsep(&rest, " ");
	if (options == NULL || !copy_options(options, out->options, sizeof(out->options)))
		return false;
	unescape(out->point);
	unescape(out->source);
	unescape(out->options);
	return true;
}

unsigned backing_mount_id(const char *path)
{
	const int fd = open(path, O_PATH | O_CLOEXEC);
	char name[64];
	char line[256];
	unsigned id = 0;
	FILE *file;

	if (fd < 0)
		return 0;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	file = fopen(name, "re");
	while (file != NULL && id == 0 && fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "mnt_id: %u", &id);
	if (file != NULL)
		fclose(file);
	close(fd);
	return id;
}

static bool find_mount(unsigned id, struct backing_mount *out)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t bytes = 0;
	char *line = NULL;
	bool found = false;

	while (file != NULL && !found && getline(&line, &bytes, file) > 0) {
		if (strtoul(line, NULL, 10) == id)
			found = backing_mount_parse(line, out);
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return found;
}

void backing_add_read_only(struct error *error, const char *path, const char *remedy)
{
	struct backing_mount *mount = malloc(sizeof(*mount));
	char at[PATH_MAX];
	unsigned id;

	snprintf(at, sizeof(at), "%s", path);
	while ((id = backing_mount_id(at)) == 0 && strrchr(at, '/') > at)
		*strrchr(at, '/') = '\0';
	/* What is to be made in the working directory, or in the root itself. */
	if (id == 0)
		id = backing_mount_id(at[0] == '/' ? "/" : ".");
	if (mount != NULL && find_mount(id, mount))
		error_add(error, "; what is mounted at %s (%s) is read-only", mount->point,
			  mount->type);
	error_add(error, ": %s", remedy);
	free(mount);
}

/* The first line of a file in a device's directory, "" if there is none. */
static void read_line(const char *dir, const char *name, char *out, size_t out_bytes)
{
	char path[2 * PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (file == NULL || fgets(out, (int)out_bytes, file) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
}

static bool is_memory_device(const char *dir, const char *name)
{
	char model[64];

	for (size_t i = 0; i < sizeof(memory_devices) / sizeof(memory_devices[0]); i++) {
		const size_t bytes = strlen(memory_devices[i]);

		/* A digit must follow: no disk is called `ram0` but that one. */
		if (strncmp(name, memory_devices[i], bytes) == 0 && name[bytes] >= '0' &&
		    name[bytes] <= '9')
			return true;
	}
	read_line(dir, "device/model", model, sizeof(model));
	return strncmp(model, "scsi_debug", strlen("scsi_debug")) == 0;
}

/* The devices that this one is made of: those of the device mapper and of RAID have some. The first
 * that is not a disk decides. */
static void look_at_parts(const char *sys, const char *dir, unsigned depth, struct backing *out)
{
	char path[PATH_MAX + 16];
	const struct dirent *entry;
	DIR *parts;

	snprintf(path, sizeof(path), "%s/slaves", dir);
	parts = opendir(path);
	while (parts != NULL && out->kind == BACKING_DISK && (entry = readdir(parts)) != NULL) {
		char name[sizeof(path) + NAME_MAX + 8];
		char number[32];
		unsigned major;
		unsigned minor;

		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		read_line(name, "dev", number, sizeof(number));
		if (entry->d_name[0] != '.' && sscanf(number, "%u:%u", &major, &minor) == 2)
			look_at_device(sys, major, minor, depth, out);
	}
	if (parts != NULL)
		closedir(parts);
}

static void look_at_device(const char *sys, unsigned major, unsigned minor, unsigned depth,
			   struct backing *out)
{
	char path[PATH_MAX];
	char dir[PATH_MAX];
	char partition[PATH_MAX + 16];
	char file[PATH_MAX];
	const char *name;

	*out = (struct backing){.kind = BACKING_DISK};
	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sys, major, minor);
	if (depth > LAYERS_MAX || realpath(path, dir) == NULL)
		return;
	snprintf(partition, sizeof(partition), "%s/partition", dir);
	if (access(partition, F_OK) == 0)
		*strrchr(dir, '/') = '\0';
	name = strrchr(dir, '/') + 1;
	read_line(dir, "loop/backing_file", file, sizeof(file));
	if (is_memory_device(dir, name))
		out->kind = BACKING_MEMORY;
	else if (file[0] != '\0')
		look_at_path(file, depth + 1, out);
	else
		look_at_parts(sys, dir, depth + 1, out);
	on_top(out, name);
}

void backing_of_device(const char *sys, unsigned major, unsigned minor, struct backing *out)
{
	look_at_device(sys, major, minor, 0, out);
}

/*
 * Whether files made in this directory know where on a disk they are. An overlay passes the
 * question on to the file system of its upper layer, which may be out of sight: tmpfs can't answer,
 * every file system for disks that can be an upper layer does. True also if nobody can be asked.
 */
static bool has_extents(const char *directory)
{
	const int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct fiemap map = {.fm_length = FIEMAP_MAX_OFFSET};
	bool has;

	if (fd < 0)
		return true;
	has = ioctl(fd, FS_IOC_FIEMAP, &map) == 0 || (errno != EOPNOTSUPP && errno != ENOTTY);
	close(fd);
	return has;
}

static void look_at_overlay(const char *path, const struct backing_mount *mount, unsigned depth,
			    struct backing *out)
{
	char upper[PATH_MAX];
	struct stat info;

	if (backing_option(mount->options, "volatile", upper) ||
	    backing_option(mount->options, "fsync=volatile", upper)) {
		out->kind = BACKING_VOLATILE;
		return;
	}
	if (!backing_option(mount->options, "upperdir=", upper))
		return;
	/* A container does not see where its own layers are. */
	if (upper[0] == '/' && stat(upper, &info) == 0) {
		look_at_path(upper, depth + 1, out);
		if (out->kind != BACKING_DISK)
			return;
	} else {
		out->kind = BACKING_UNSEEN;
	}
	if (!has_extents(path)) {
		*out = (struct backing){.kind = BACKING_MEMORY};
		on_top(out, "tmpfs or the like");
	}
}

static bool is_memory_type(const char *type)
{
	for (size_t i = 0; i < sizeof(memory_types) / sizeof(memory_types[0]); i++) {
		if (strcmp(type, memory_types[i]) == 0)
			return true;
	}
	return false;
}

static bool has_no_barrier(const struct backing_mount *mount)
{
	char value[PATH_MAX];

	for (size_t i = 0; i < sizeof(no_barrier) / sizeof(no_barrier[0]); i++) {
		if (backing_option(mount->options, no_barrier[i].name, value) &&
		    strcmp(value, no_barrier[i].value) == 0)
			return true;
	}
	return false;
}

/* The device of a mount. Some file systems, Btrfs among them, have a number of their own instead.
 */
static bool device_of(const struct backing_mount *mount, unsigned *major_out, unsigned *minor_out)
{
	struct stat info;

	*major_out = mount->major;
	*minor_out = mount->minor;
	if (mount->major != 0)
		return true;
	if (mount->source[0] != '/' || stat(mount->source, &info) != 0 || !S_ISBLK(info.st_mode))
		return false;
	*major_out = major(info.st_rdev);
	*minor_out = minor(info.st_rdev);
	return true;
}

static void look_at_mount(const char *path, const struct backing_mount *mount, unsigned depth,
			  struct backing *out)
{
	unsigned major;
	unsigned minor;

	if (is_memory_type(mount->type))
		out->kind = BACKING_MEMORY;
	else if (strcmp(mount->type, "overlay") == 0)
		look_at_overlay(path, mount, depth, out);
	else if (has_no_barrier(mount))
		out->kind = BACKING_NO_BARRIER;
	else if (device_of(mount, &major, &minor))
		look_at_device(SYS, major, minor, depth + 1, out);
	on_top(out, mount->type);
	if (out->point[0] == '\0')
		snprintf(out->point, sizeof(out->point), "%s", mount->point);
}

/* Where /proc is not mounted, the file system's own number is all there is. */
static void look_at_magic(const char *path, struct backing *out)
{
	struct statfs info;

	if (statfs(path, &info) != 0)
		return;
	if (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC) {
		out->kind = BACKING_MEMORY;
		on_top(out, "tmpfs");
	}
}

static void look_at_path(const char *path, unsigned depth, struct backing *out)
{
	struct backing_mount *mount = malloc(sizeof(*mount));

	*out = (struct backing){.kind = BACKING_DISK};
	if (depth <= LAYERS_MAX && mount != NULL && find_mount(backing_mount_id(path), mount))
		look_at_mount(path, mount, depth, out);
	else
		look_at_magic(path, out);
	free(mount);
}

void backing_of_path(const char *path, struct backing *out)
{
	look_at_path(path, 0, out);
	CHECK(out->kind == BACKING_DISK || out->what[0] != '\0');
}
