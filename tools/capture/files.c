#include "tools/capture/files.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "engine/base/safe_file.h"
#include "engine/worker/tap_format.h"
#include "tools/capture/old_rotation.h"
#include "tools/common/output_file.h"

enum {
	SNAPLEN = 65535,
	FILE_HEADER_BYTES = 24,
	PACKET_HEADER_BYTES = 16,
	PATH_BYTES = 512,
	BUFFER_BYTES = 1 << 20,
};

static const uint64_t NS_PER_S = 1000000000;

struct files {
	char path[PATH_BYTES];
	uint64_t rotate_bytes;
	uint32_t keep;
	bool force;
	uint64_t cnt;
	uint64_t bytes;         /* of all */
	uint64_t file_bytes;    /* of the one being written */
	uint64_t flushed_bytes; /* of these, with the kernel */
	bool regular;
	bool is_stream; /* whoever opened it emptied it, or not */
	pcap_t *pcap;
	pcap_dumper_t *file;
	char buffer[BUFFER_BYTES];
};

static void name_of(const struct files *files, uint64_t number, char out[PATH_BYTES + 24])
{
	if (files->rotate_bytes == 0)
		snprintf(out, PATH_BYTES + 24, "%s", files->path);
	else
		snprintf(out, PATH_BYTES + 24, "%s.%05" PRIu64, files->path, number);
}

static int fd_of(const struct files *files)
{
	return fileno(pcap_dump_file(files->file));
}

int files_flush(struct files *files)
{
	int rc = 0;

	errno = 0;
	if (pcap_dump_flush(files->file) != 0 || ferror(pcap_dump_file(files->file)) != 0)
		rc = errno != 0 ? -errno : -EIO;
	if (rc == 0) {
		files->flushed_bytes = files->file_bytes;
		return 0;
	}
	/* A full disk may have taken a part of a frame, and must not get the rest later. */
	__fpurge(pcap_dump_file(files->file));
	if (files->regular && !files->is_stream &&
	    ftruncate(fd_of(files), (off_t)files->flushed_bytes) == 0)
		files->file_bytes = files->flushed_bytes;
	return rc;
}

bool files_are_behind(const struct files *files)
{
	return files->file_bytes > files->flushed_bytes;
}

bool files_have_reader(const struct files *files)
{
	return !files->regular;
}

bool files_reader_ended(const struct files *files)
{
	struct pollfd looked = {.fd = fd_of(files)};

	return !files->regular && poll(&looked, 1, 0) > 0 &&
	       (looked.revents & (POLLERR | POLLHUP)) != 0;
}

int files_end(struct files *files)
{
	int rc;

	if (files->file == NULL)
		return 0;
	rc = files_flush(files);
	pcap_dump_close(files->file);
	files->file = NULL;
	return rc;
}

/* An opened file becomes ours alone, and empty. 0 or -errno. */
static int take_over(struct files *files, int fd)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return -errno;
	files->regular = S_ISREG(info.st_mode);
	if (!files->regular)
		return isatty(fd) == 1 ? -ENOTTY : 0;
	/* The lock is the file's: it ends with us, however that happens. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (files->is_stream)
		return info.st_size == 0 || files->force ? 0 : -EEXIST;
	return ftruncate(fd, 0) == 0 ? 0 : -errno;
}

static int begin_file(struct files *files)
{
	char name[PATH_BYTES + 24];
	FILE *file;
	int fd;
	int rc;

	if (files->keep > 0 && files->cnt >= files->keep) {
		name_of(files, files->cnt + 1 - files->keep, name);
		(void)safe_unlink(name);
	}
	name_of(files, ++files->cnt, name);
	fd = output_file_open(name, files->force ? OUTPUT_KEEP : OUTPUT_NEW);
	if (fd < 0)
		return fd;
	rc = take_over(files, fd);
	file = rc == 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL) {
		rc = rc != 0 ? rc : -errno;
		close(fd);
		return rc;
	}
	(void)setvbuf(file, files->buffer, _IOFBF, sizeof(files->buffer));
	files->file = pcap_dump_fopen(files->pcap, file);
	if (files->file == NULL) {
		fclose(file);
		return -EIO;
	}
	files->file_bytes = FILE_HEADER_BYTES;
	files->flushed_bytes = 0;
	files->bytes += FILE_HEADER_BYTES;
	return files_flush(files);
}

static int refuse(const char *name, int rc, struct error *error)
{
	if (rc == -EEXIST)
		error_set(error,
			  "--write %s: is there already; name another file, or "
			  "--force writes it all the same",
			  name);
	else if (rc == -EBUSY)
		error_set(error, "--write %s: another capture writes it; name another file", name);
	else if (rc == -ENOTTY)
		error_set(error,
			  "--write %s: a terminal, which would show nonsense; redirect it to a "
			  "file or a pipe",
			  name);
	else
		error_set(error, "--write %s: %s", name, safe_strerror(rc));
	return rc;
}

static const char *path_of(const struct files_options *options)
{
	return strcmp(options->path, "-") == 0 ? "/dev/stdout" : options->path;
}

int files_check(const struct files_options *options, struct error *error)
{
	const char *path = path_of(options);
	struct stat info;

	if (strlen(path) >= PATH_BYTES)
		return error_say(error, -ENAMETOOLONG, "--write %s: %s", path,
				 safe_strerror(-ENAMETOOLONG));
	if (options->rotate_bytes > 0 && output_file_is_stream(path))
		return error_say(error, -EINVAL,
				 "--write %s: a stream has one file; leave --rotate-mib out",
				 options->path);
	if (options->rotate_bytes > 0)
		return old_rotation_check(path, options->force, error);
	if (output_file_is_stream(path))
		return strcmp(options->path, "-") == 0 && isatty(STDOUT_FILENO) == 1
			       ? refuse(path, -ENOTTY, error)
			       : 0;
	return !options->force && safe_lstat(path, &info) == 0 && S_ISREG(info.st_mode)
		       ? refuse(path, -EEXIST, error)
		       : 0;
}

static int prepare(struct files *files, const struct files_options *options, struct error *error)
{
	const char *path = path_of(options);
	int rc = files_check(options, error);

	if (rc != 0)
		return rc;
	memcpy(files->path, path, strlen(path) + 1);
	files->is_stream = output_file_is_stream(path);
	files->rotate_bytes = options->rotate_bytes;
	files->keep = options->keep;
	files->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN,
							   PCAP_TSTAMP_PRECISION_NANO);
	if (files->pcap == NULL)
		return refuse(path, -ENOMEM, error);
	/* Old files of a rotation are removed; no new one may hit another file. */
	files->force = options->force && options->rotate_bytes == 0;
	return options->rotate_bytes == 0 ? 0 : old_rotation_clear(path, options->force, error);
}

int files_open(struct files **out, const struct files_options *options, struct error *error)
{
	struct files *files = calloc(1, sizeof(*files));
	char name[PATH_BYTES + 24];
	int rc;

	if (files == NULL)
		return error_say(error, -ENOMEM, "--write %s: no memory", options->path);
	rc = prepare(files, options, error);
	if (rc == 0) {
		rc = begin_file(files);
		name_of(files, files->cnt, name);
		if (rc != 0)
			refuse(name, rc, error);
	}
	if (rc != 0) {
		files_close(files);
		return rc;
	}
	*out = files;
	return 0;
}

/* Room for a frame: in the file, and in the buffer, so that only whole frames are written. */
static int make_room(struct files *files, uint32_t bytes)
{
	int rc = 0;

	if (files->rotate_bytes > 0 && files->file_bytes + bytes > files->rotate_bytes) {
		rc = files_end(files);
		return rc == 0 ? begin_file(files) : rc;
	}
	if (files->file_bytes - files->flushed_bytes + bytes > sizeof(files->buffer))
		rc = files_flush(files);
	return rc;
}

int files_put(struct files *files, uint64_t at_ns, const uint8_t *frame, uint32_t bytes)
{
	const uint32_t kept = bytes < TAP_FRAME_BYTES_MAX ? bytes : TAP_FRAME_BYTES_MAX;
	const struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(at_ns / NS_PER_S),
		       .tv_usec = (suseconds_t)(at_ns % NS_PER_S)},
		.caplen = kept,
		.len = bytes,
	};
	const int rc = make_room(files, PACKET_HEADER_BYTES + kept);

	if (rc != 0)
		return rc;
	pcap_dump((u_char *)files->file, &header, frame);
	files->file_bytes += PACKET_HEADER_BYTES + kept;
	files->bytes += PACKET_HEADER_BYTES + kept;
	return 0;
}

void files_name(const struct files *files, char *out, size_t out_bytes)
{
	char name[PATH_BYTES + 24];

	name_of(files, files->cnt, name);
	snprintf(out, out_bytes, "%s", name);
}

uint64_t files_bytes(const struct files *files)
{
	return files->bytes;
}

uint64_t files_cnt(const struct files *files)
{
	return files->cnt;
}

void files_close(struct files *files)
{
	if (files == NULL)
		return;
	(void)files_end(files);
	if (files->pcap != NULL)
		pcap_close(files->pcap);
	free(files);
}
