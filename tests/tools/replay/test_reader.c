#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcap/dlt.h>

#include "engine/base/error.h"
#include "tests/support/frames.h"
#include "tools/replay/reader.h"

/* A file in memory, with a name for whoever opens it. */
struct file {
	int fd;
	char path[64];
};

static void open_file(struct file *file, const void *bytes, size_t cnt)
{
	file->fd = memfd_create("capture", MFD_CLOEXEC);
	cr_assert(file->fd >= 0);
	cr_assert_eq(write(file->fd, bytes, cnt), (ssize_t)cnt);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

struct pcap_file {
	size_t bytes;
	uint8_t at[16384];
};

static void put_u32(struct pcap_file *file, uint32_t value)
{
	memcpy(file->at + file->bytes, &value, 4);
	file->bytes += 4;
}

static void begin(struct pcap_file *file, uint32_t link)
{
	file->bytes = 0;
	put_u32(file, 0xa1b23c4d);
	put_u32(file, 2 | 4 << 16);
	put_u32(file, 0);
	put_u32(file, 0);
	put_u32(file, 65535);
	put_u32(file, link);
}

static void put_packet(struct pcap_file *file, uint32_t s, uint32_t ns, const uint8_t *packet,
		       uint32_t kept, uint32_t bytes)
{
	put_u32(file, s);
	put_u32(file, ns);
	put_u32(file, kept);
	put_u32(file, bytes);
	memcpy(file->at + file->bytes, packet, kept);
	file->bytes += kept;
}

static uint32_t request_frame(uint8_t out[FRAME_ROOM_BYTES], uint8_t ip_version, unsigned vlans,
			      uint8_t cnt)
{
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];

	return frame_build(out, ip_version, vlans, datagram, frame_datagram(datagram, cnt));
}

/* The request turned round: kind, ports. */
static uint32_t reply_frame_of(uint8_t out[FRAME_ROOM_BYTES], uint8_t cnt)
{
	const uint32_t bytes = request_frame(out, 4, 0, cnt);
	const uint32_t udp = ETHER_HEADER_BYTES + IPV4_HEADER_BYTES;
	uint8_t ports[4];

	memcpy(ports, out + udp, 4);
	memcpy(out + udp, ports + 2, 2);
	memcpy(out + udp + 2, ports, 2);
	out[udp + UDP_HEADER_BYTES + 3] = WIRE_KIND_REPLY;
	return bytes;
}

static struct reader *open_pcap(const struct pcap_file *pcap, struct file *file)
{
	struct reader *reader = NULL;
	struct error error;

	open_file(file, pcap->at, pcap->bytes);
	cr_assert_eq(reader_open(&reader, file->path, FRAME_PORT, &error), 0, "%s", error.text);
	return reader;
}

Test(reader, gives_requests_and_replies_and_counts_the_rest)
{
	static struct pcap_file pcap;
	uint8_t frame[FRAME_ROOM_BYTES];
	struct captured captured;
	struct file file;
	struct reader *reader;
	uint32_t bytes = request_frame(frame, 4, 0, 3);

	begin(&pcap, 1);
	put_packet(&pcap, 10, 5, frame, bytes, bytes);
	put_packet(&pcap, 9, 0, frame, 60, bytes); /* cut, and captured earlier */
	frame[12] = 0x08;
	frame[13] = 0x06; /* ARP */
	put_packet(&pcap, 11, 0, frame, bytes, bytes);
	bytes = reply_frame_of(frame, 2);
	put_packet(&pcap, 12, 999999999, frame, bytes, bytes);
	frame[ETHER_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES] = 0; /* its magic */
	put_packet(&pcap, 13, 0, frame, bytes, bytes);
	bytes = reply_frame_of(frame, 2);
	memset(frame + ETHER_HEADER_BYTES + IPV4_HEADER_BYTES + 2, 0xff, 2); /* to port 65535 */
	put_packet(&pcap, 13, 1, frame, bytes, bytes);
	bytes = request_frame(frame, 6, 2, 1);
	put_packet(&pcap, 14, 0, frame, bytes, bytes);
	put_packet(&pcap, 14, 1000000000, frame, bytes, bytes);
	reader = open_pcap(&pcap, &file);

	cr_assert(reader_next(reader, &captured));
	cr_expect_eq(captured.kind, CAPTURED_REQUEST);
	cr_expect_eq(captured.at_ns, UINT64_C(10000000005));
	cr_expect_eq(captured.shard, 0);
	cr_expect_eq(captured.bytes, wire_datagram_bytes(3));
	cr_assert(reader_next(reader, &captured));
	cr_expect_eq(captured.kind, CAPTURED_REPLY);
	cr_expect_eq(captured.at_ns, UINT64_C(12999999999));
	cr_assert(reader_next(reader, &captured));
	cr_expect_eq(captured.at_ns, UINT64_C(13000000001));
	cr_assert(reader_next(reader, &captured));
	cr_expect_eq(captured.bytes, wire_datagram_bytes(1));
	cr_assert(reader_next(reader, &captured));
	cr_expect_eq(captured.at_ns, UINT64_C(15000000000)); /* carried */
	cr_expect_not(reader_next(reader, &captured));
	cr_expect_null(reader_damage(reader));

	const struct reader_counts *counts = reader_counts(reader);

	cr_expect_eq(counts->packets, 8);
	cr_expect_eq(counts->requests, 5);
	cr_expect_eq(counts->replies, 4);
	cr_expect_eq(counts->went_back, 1);
	cr_expect_eq(counts->jump_ns, 1999999999);
	cr_expect_eq(counts->jump_packet, 4);
	cr_expect_eq(counts->skips[SKIP_SNAPLEN_CUT], 1);
	cr_expect_eq(counts->skips[SKIP_REPLY_MALFORMED], 1);
	cr_expect_eq(counts->drops[DROP_NOT_IP], 1);
	reader_close(reader);
	close(file.fd);
}

Test(reader, keeps_what_came_before_damage)
{
	static struct pcap_file pcap;
	uint8_t frame[FRAME_ROOM_BYTES];
	struct captured captured;
	struct file file;
	struct reader *reader;
	const uint32_t bytes = request_frame(frame, 4, 0, 1);

	begin(&pcap, 1);
	put_packet(&pcap, 10, 0, frame, bytes, bytes);
	put_packet(&pcap, 11, 0, frame, bytes, bytes);
	pcap.bytes -= 10;
	reader = open_pcap(&pcap, &file);
	cr_expect(reader_next(reader, &captured));
	cr_expect_not(reader_next(reader, &captured));
	cr_expect_not_null(reader_damage(reader));
	reader_close(reader);
	close(file.fd);
}

Test(reader, refuses_what_is_no_capture)
{
	static struct pcap_file pcap;
	struct reader *reader = NULL;
	struct file file;
	struct error error;

	open_file(&file, "sku,stock,unit_price\n", 21);
	cr_expect_neq(reader_open(&reader, file.path, 7700, &error), 0);
	cr_expect_not_null(strstr(error.text, file.path));
	close(file.fd);
	cr_expect_eq(reader_open(&reader, "/nowhere/at.all", 7700, &error), -ENOENT);
	begin(&pcap, 105); /* IEEE 802.11 */
	open_file(&file, pcap.at, pcap.bytes);
	cr_expect_eq(reader_open(&reader, file.path, 7700, &error), -EPROTONOSUPPORT);
	cr_expect_not_null(strstr(error.text, "105"));
	close(file.fd);
}

/* Each link's header in front of an IP packet. */
static const struct {
	int link;
	uint32_t bytes;
	uint8_t header[20];
} link_headers[] = {
	{DLT_LINUX_SLL, 16, {[3] = 1, [14] = 0x08}},
	{DLT_LINUX_SLL2, 20, {[0] = 0x08}},
	{DLT_RAW, 0, {0}},
	{DLT_NULL, 4, {2}},
};

Test(reader, finds_the_request_behind_every_link_header)
{
	static uint8_t room[LINK_FRAME_BYTES_MAX];

	for (size_t i = 0; i < sizeof(link_headers) / sizeof(link_headers[0]); i++) {
		uint8_t frame[FRAME_ROOM_BYTES];
		const uint32_t network_bytes = request_frame(frame, 4, 0, 2) - ETHER_HEADER_BYTES;
		const uint32_t bytes = link_headers[i].bytes + network_bytes;
		const uint8_t *found = NULL;
		uint8_t *packet = malloc(bytes);
		uint32_t found_bytes = 0;
		struct captured captured;
		enum drop drop;
		enum skip skip;

		memcpy(packet, link_headers[i].header, link_headers[i].bytes);
		memcpy(packet + link_headers[i].bytes, frame + ETHER_HEADER_BYTES, network_bytes);
		cr_expect_eq(
			link_frame(link_headers[i].link, packet, bytes, room, &found, &found_bytes),
			SKIP_CNT);
		cr_expect(captured_find(found, found_bytes, false, FRAME_PORT, &captured, &drop,
					&skip),
			  "link %d", link_headers[i].link);
		cr_expect_eq(captured.bytes, wire_datagram_bytes(2));
		if (link_headers[i].bytes > 0)
			cr_expect_eq(link_frame(link_headers[i].link, packet,
						link_headers[i].bytes - 1, room, &found,
						&found_bytes),
				     SKIP_LINK_HEADER);
		free(packet);
	}
}

Test(reader, tells_other_protocols_of_raw_links)
{
	static uint8_t room[LINK_FRAME_BYTES_MAX];
	static const uint8_t packet[] = {0x50, 0, 0, 0};
	const uint8_t *frame;
	uint32_t bytes;

	cr_expect_eq(link_frame(DLT_RAW, packet, sizeof(packet), room, &frame, &bytes),
		     SKIP_LINK_PROTOCOL);
	cr_expect_eq(link_frame(DLT_RAW, packet, 0, room, &frame, &bytes), SKIP_LINK_HEADER);
	cr_expect_not(link_known(105));
}
