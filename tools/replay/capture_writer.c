#include "tools/replay/capture_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "engine/base/safe_file.h"
#include "net/checksum.h"
#include "tools/replay/output.h"

enum {
	SNAPLEN = 65535,
	GATEWAY_PORT = 40000,
	TTL = 64,
	PROTOCOL_UDP = 17,
	HEADERS_BYTES = ETHER_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES,
};

static const uint64_t NS_PER_S = 1000000000;

struct capture_writer {
	pcap_t *pcap;
	struct output output;
	pcap_dumper_t *dumper; /* into the output's file, which is not its to close */
	const char *path;
	uint8_t frame[HEADERS_BYTES + WIRE_DATAGRAM_BYTES_MAX];
};

static int complain(const struct capture_writer *writer, int rc, struct error *error)
{
	return error_say(error, rc, "%s: %s", writer->path, safe_strerror(rc));
}

int capture_writer_open(struct capture_writer **out, const char *path, struct error *error)
{
	struct capture_writer *writer = calloc(1, sizeof(*writer));
	int rc = -ENOMEM;

	if (writer != NULL)
		writer->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN,
								    PCAP_TSTAMP_PRECISION_NANO);
	if (writer == NULL || writer->pcap == NULL) {
		error_set(error, "no memory to write %s", path);
		free(writer);
		return rc;
	}
	writer->path = path;
	rc = output_open(&writer->output, path);
	if (rc == 0 && isatty(fileno(writer->output.file)) == 1) {
		capture_writer_discard(writer);
		return error_say(error, -ENOTTY,
				 "%s: a terminal, which would show nonsense; redirect it to a file "
				 "or a pipe",
				 path);
	}
	errno = 0;
	if (rc == 0)
		writer->dumper = pcap_dump_fopen(writer->pcap, writer->output.file);
	if (rc == 0 && writer->dumper == NULL)
		rc = errno != 0 ? -errno : -EIO;
	if (rc != 0) {
		complain(writer, rc, error);
		capture_writer_discard(writer);
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

int capture_writer_put(struct capture_writer *writer, const struct captured *captured,
		       struct error *error)
{
	const uint32_t bytes = HEADERS_BYTES + captured->bytes;
	const struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(captured->at_ns / NS_PER_S),
		       .tv_usec = (suseconds_t)(captured->at_ns % NS_PER_S)},
		.caplen = bytes,
		.len = bytes,
	};

	put_headers(writer->frame, captured);
	errno = 0;
	pcap_dump((u_char *)writer->dumper, &header, writer->frame);
	if (ferror(writer->output.file) == 0)
		return 0;
	return complain(writer, errno != 0 ? -errno : -EIO, error);
}

int capture_writer_commit(struct capture_writer *writer, struct error *error)
{
	const int rc = output_commit(&writer->output);

	if (rc != 0)
		complain(writer, rc, error);
	capture_writer_discard(writer);
	return rc;
}

void capture_writer_discard(struct capture_writer *writer)
{
	if (writer == NULL)
		return;
	output_discard(&writer->output);
	pcap_close(writer->pcap);
	free(writer);
}
