#include "tools/replay/capture_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "net/checksum.h"

enum {
	SNAPLEN = 65535,
	GATEWAY_PORT = 40000,
	TTL = 64,
	PATH_BYTES = 4096,
	PROTOCOL_UDP = 17,
	HEADERS_BYTES = ETHER_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES,
};

static const uint64_t NS_PER_S = 1000000000;

struct capture_writer {
	pcap_t *pcap;
	pcap_dumper_t *file;
	char path[PATH_BYTES];
	char temporary[PATH_BYTES + 16]; /* "": written in place */
	uint8_t frame[HEADERS_BYTES + WIRE_DATAGRAM_BYTES_MAX];
};

static int open_file(struct capture_writer *writer)
{
	struct stat info;
	FILE *file;
	int fd;

	if (strcmp(writer->path, "-") == 0) {
		file = stdout;
	} else if (stat(writer->path, &info) == 0 && !S_ISREG(info.st_mode)) {
		file = fopen(writer->path, "we");
	} else {
		snprintf(writer->temporary, sizeof(writer->temporary), "%s.%d", writer->path,
			 (int)getpid());
		fd = open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		file = fd >= 0 ? fdopen(fd, "w") : NULL;
	}
	if (file == NULL)
		return -errno;
	writer->file = pcap_dump_fopen(writer->pcap, file);
	return writer->file != NULL ? 0 : -EIO;
}

int capture_writer_open(struct capture_writer **out, const char *path, char *error,
			size_t error_bytes)
{
	struct capture_writer *writer = calloc(1, sizeof(*writer));
	int rc;

	if (writer != NULL)
		writer->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN,
								    PCAP_TSTAMP_PRECISION_NANO);
	if (writer == NULL || writer->pcap == NULL) {
		snprintf(error, error_bytes, "no memory to write %s", path);
		free(writer);
		return -ENOMEM;
	}
	snprintf(writer->path, sizeof(writer->path), "%s", path);
	rc = open_file(writer);
	if (rc != 0) {
		snprintf(error, error_bytes, "%s: %s", path, strerror(-rc));
		pcap_close(writer->pcap);
		free(writer);
		return rc;
	}
	*out = writer;
	return 0;
}

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_headers(uint8_t *frame, const struct captured *captured)
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};
	static const uint8_t engine[] = {198, 18, 0, 1};
	static const uint8_t gateway[] = {198, 18, 0, 2};
	const bool to_engine = captured->kind == CAPTURED_REQUEST;
	const uint32_t udp_bytes = UDP_HEADER_BYTES + captured->bytes;
	const uint16_t engine_port = (uint16_t)(WIRE_BASE_PORT + captured->shard);
	uint8_t *ip = frame + ETHER_HEADER_BYTES;
	uint8_t *udp = ip + IPV4_HEADER_BYTES;
	uint64_t sum = checksum_add_be16(checksum_add_be16(0, PROTOCOL_UDP), (uint16_t)udp_bytes);

	memset(frame, 0, HEADERS_BYTES);
	memcpy(frame, macs, sizeof(macs));
	ip[0] = 0x45;
	put_be16(ip + 2, IPV4_HEADER_BYTES + udp_bytes);
	ip[8] = TTL;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, to_engine ? gateway : engine, 4);
	memcpy(ip + 16, to_engine ? engine : gateway, 4);
	checksum_store(ip + 10, checksum_add(0, ip, IPV4_HEADER_BYTES));
	put_be16(udp, to_engine ? GATEWAY_PORT : engine_port);
	put_be16(udp + 2, to_engine ? engine_port : GATEWAY_PORT);
	put_be16(udp + 4, udp_bytes);
	memcpy(udp + UDP_HEADER_BYTES, captured->datagram, captured->bytes);
	sum = checksum_add(sum, ip + 12, 8);
	checksum_store_udp(udp + 6, checksum_add(sum, udp, udp_bytes));
}

void capture_writer_put(struct capture_writer *writer, const struct captured *captured)
{
	const uint32_t bytes = HEADERS_BYTES + captured->bytes;
	const struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(captured->at_ns / NS_PER_S),
		       .tv_usec = (suseconds_t)(captured->at_ns % NS_PER_S)},
		.caplen = bytes,
		.len = bytes,
	};

	put_headers(writer->frame, captured);
	pcap_dump((u_char *)writer->file, &header, writer->frame);
}

static void free_writer(struct capture_writer *writer)
{
	pcap_dump_close(writer->file);
	pcap_close(writer->pcap);
	free(writer);
}

void capture_writer_abandon(struct capture_writer *writer)
{
	if (writer == NULL)
		return;
	if (writer->temporary[0] != '\0')
		(void)unlink(writer->temporary);
	free_writer(writer);
}

int capture_writer_close(struct capture_writer *writer, char *error, size_t error_bytes)
{
	int rc = 0;

	if (writer == NULL)
		return 0;
	errno = 0;
	if (pcap_dump_flush(writer->file) != 0 || ferror(pcap_dump_file(writer->file)) != 0)
		rc = errno != 0 ? -errno : -EIO;
	if (rc == 0 && writer->temporary[0] != '\0' && rename(writer->temporary, writer->path) != 0)
		rc = -errno;
	if (rc != 0) {
		snprintf(error, error_bytes, "%s: cannot be written: %s", writer->path,
			 strerror(-rc));
		capture_writer_abandon(writer);
		return rc;
	}
	free_writer(writer);
	return 0;
}
