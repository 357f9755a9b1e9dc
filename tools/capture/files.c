#include "tools/capture/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "engine/base/safe_file.h"
#include "engine/worker/tap_format.h"
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
	uint64_t cnt;
	uint64_t bytes;      /* of all */
	uint64_t file_bytes; /* of the one being written */
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

/* Closes the current file, once all of it was given to the kernel. 0 or -errno. */
static int end_file(struct files *files)
{
	int rc = 0;

	if (files->file == NULL)
		return 0;
	errno = 0;
	if (pcap_dump_flush(files->file) != 0 || ferror(pcap_dump_file(files->file)) != 0)
		rc = errno != 0 ? -errno : -EIO;
	pcap_dump_close(files->file);
	files->file = NULL;
	return rc;
}

static int begin_file(struct files *files)
{
	char name[PATH_BYTES + 24];
	FILE *file;

	if (files->keep > 0 && files->cnt >= files->keep) {
		name_of(files, files->cnt + 1 - files->keep, name);
		(void)safe_unlink(name);
	}
	name_of(files, ++files->cnt, name);
	file = output_file_stream(name, 0);
	if (file == NULL)
		return -errno;
	(void)setvbuf(file, files->buffer, _IOFBF, sizeof(files->buffer));
	files->file = pcap_dump_fopen(files->pcap, file);
	if (files->file == NULL) {
		fclose(file);
		return -EIO;
	}
	files->file_bytes = FILE_HEADER_BYTES;
	files->bytes += FILE_HEADER_BYTES;
	return 0;
}

int files_open(struct files **out, const char *path, uint64_t rotate_bytes, uint32_t keep,
	       struct error *error)
{
	struct files *files = calloc(1, sizeof(*files));
	int rc = -ENOMEM;

	if (files != NULL) {
		files->rotate_bytes = rotate_bytes;
		files->keep = keep;
		files->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN,
								   PCAP_TSTAMP_PRECISION_NANO);
	}
	if (files != NULL && files->pcap != NULL) {
		rc = strlen(path) < PATH_BYTES ? 0 : -ENAMETOOLONG;
		if (rc == 0)
			memcpy(files->path, path, strlen(path) + 1);
	}
	if (rc == 0)
		rc = begin_file(files);
	if (rc != 0) {
		error_set(error, "--write %s: %s", path, safe_strerror(rc));
		files_close(files);
		return rc;
	}
	*out = files;
	return 0;
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

	if (files->rotate_bytes > 0 &&
	    files->file_bytes + PACKET_HEADER_BYTES + kept > files->rotate_bytes) {
		int rc = end_file(files);

		if (rc == 0)
			rc = begin_file(files);
		if (rc != 0)
			return rc;
	}
	errno = 0;
	pcap_dump((u_char *)files->file, &header, frame);
	if (ferror(pcap_dump_file(files->file)) != 0)
		return errno != 0 ? -errno : -EIO;
	files->file_bytes += PACKET_HEADER_BYTES + kept;
	files->bytes += PACKET_HEADER_BYTES + kept;
	return 0;
}

int files_flush(struct files *files)
{
	return end_file(files);
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
	(void)end_file(files);
	if (files->pcap != NULL)
		pcap_close(files->pcap);
	free(files);
}
