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
#include "tools/replay/copies.h"
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
	uint8_t header[44];
	bool is_ether; /* an Ethernet frame follows */
} link_headers[] = {
	{DLT_LINUX_SLL, 16, {[3] = 1, [14] = 0x08}, false},
	{DLT_LINUX_SLL2, 20, {[0] = 0x08}, false},
	{DLT_RAW, 0, {0}, false},
	{14, 0, {0}, false},
	{101, 0, {0}, false},
	{DLT_NULL, 4, {2}, false},
	{DLT_NFLOG, 16, {2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 0, 0, 0xff, 0xff, 9, 0}, false},
	{DLT_NFLOG, 16, {2, 0, 0, 0, 0, 8, 0, 1, 8, 0, 0, 0, 0xff, 0xff, 0, 9}, false},
	{DLT_PKTAP, 44, {44, [4] = 1, [8] = 1}, true},
	{DLT_PKTAP, 16, {12, [4] = 1, [12] = 2}, false},
	{149, 12, {12, [4] = 1, [8] = 12}, false},
	{DLT_PPP, 2, {0x00, 0x21}, false},
	{DLT_PPP, 1, {0x21}, false},
	{DLT_PPP, 4, {0xff, 0x03, 0x00, 0x21}, false},
	{DLT_PPP_SERIAL, 4, {0xff, 0x03, 0x00, 0x21}, false},
	{DLT_PPP_SERIAL, 4, {0x0f, 0x00, 0x08, 0x00}, false},
	{DLT_PPP_PPPD, 4, {0x01, 0x03, 0x00, 0x21}, false},
	{DLT_PPP_WITH_DIR, 5, {0x01, 0xff, 0x03, 0x00, 0x21}, false},
	{DLT_C_HDLC, 4, {0x8f, 0x00, 0x08, 0x00}, false},
	{DLT_C_HDLC_WITH_DIR, 5, {0x01, 0x0f, 0x00, 0x08, 0x00}, false},
	{DLT_ERF, 18, {[8] = 2}, true},
	{DLT_ERF, 34, {[8] = 0x82, [16] = 0x84, [24] = 0x04}, true},
	{DLT_ERF, 20, {[8] = 1, [16] = 0x0f, [18] = 0x08}, false},
	{DLT_ERF_POS, 20, {[8] = 1, [16] = 0xff, [17] = 0x03, [19] = 0x21}, false},
	{DLT_ERF, 16, {[8] = 22}, false},
	{DLT_DSA_TAG_DSA, 18, {[12] = 0x40, [16] = 0x08}, false},
	{DLT_DSA_TAG_EDSA, 22, {[12] = 0xda, [13] = 0xda, [20] = 0x08}, false},
	{DLT_DSA_TAG_BRCM, 18, {[12] = 0x20, [16] = 0x08}, false},
	{DLT_DSA_TAG_BRCM_PREPEND, 4, {0x20}, true},
};

Test(reader, finds_the_request_behind_every_link_header)
{
	static uint8_t room[LINK_FRAME_BYTES_MAX];

	for (size_t i = 0; i < sizeof(link_headers) / sizeof(link_headers[0]); i++) {
		uint8_t frame[FRAME_ROOM_BYTES];
		const uint32_t taken = link_headers[i].is_ether ? 0 : ETHER_HEADER_BYTES;
		const uint32_t network_bytes = request_frame(frame, 4, 0, 2) - taken;
		const uint32_t bytes = link_headers[i].bytes + network_bytes;
		const uint8_t *found = NULL;
		uint8_t *packet = malloc(bytes);
		uint32_t found_bytes = 0;
		struct captured captured;
		enum drop drop;
		enum skip skip;

		memcpy(packet, link_headers[i].header, link_headers[i].bytes);
		memcpy(packet + link_headers[i].bytes, frame + taken, network_bytes);
		cr_expect_eq(
			link_frame(link_headers[i].link, packet, bytes, room, &found, &found_bytes),
			SKIP_CNT);
		cr_expect(captured_find(found, found_bytes, false, FRAME_PORT, &captured, &drop,
					&skip),
			  "link %d", link_headers[i].link);
		cr_expect_eq(captured.bytes, wire_datagram_bytes(2));
		free(packet);
		/* A part of the header: nothing is read beyond it. */
		for (uint32_t part = 0; part < link_headers[i].bytes; part++) {
			packet = malloc(part > 0 ? part : 1);
			memcpy(packet, link_headers[i].header, part);
			cr_expect_eq(link_frame(link_headers[i].link, packet, part, room, &found,
						&found_bytes),
				     SKIP_LINK_HEADER, "%u bytes of link %d", part,
				     link_headers[i].link);
			free(packet);
		}
	}
}

/* A capture on all interfaces, and a frame of 802.3: no type, but LLC and SNAP. */
Test(reader, finds_the_request_in_cooked_802_3)
{
	static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00};
	static const struct {
		int link;
		uint32_t bytes;
		uint32_t type_at;
	} rows[] = {{DLT_LINUX_SLL, 16, 14}, {DLT_LINUX_SLL2, 20, 0}};
	static struct pcap_file pcap;
	uint8_t frame[FRAME_ROOM_BYTES];
	const uint32_t bytes = request_frame(frame, 4, 0, 2) - ETHER_HEADER_BYTES;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static uint8_t packet[2 * FRAME_ROOM_BYTES];
		const uint32_t header = rows[i].bytes + sizeof(snap);
		struct captured captured;
		struct reader *reader;
		struct file file;

		memset(packet, 0, header);
		packet[rows[i].type_at + 1] = 4;
		memcpy(packet + rows[i].bytes, snap, sizeof(snap));
		memcpy(packet + header, frame + ETHER_HEADER_BYTES, bytes);
		begin(&pcap, (uint32_t)rows[i].link);
		put_packet(&pcap, 10, 0, packet, header + bytes, header + bytes);
		reader = open_pcap(&pcap, &file);
		cr_expect(reader_next(reader, &captured));
		cr_expect_eq(reader_counts(reader)->encapsulated[ENCAPSULATION_LLC_SNAP], 1);
		reader_close(reader);
		close(file.fd);
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

/* What a sender's kernel takes at once: several datagrams in one packet, and `extra` bytes. */
static uint32_t joined_frame(uint8_t out[16384], unsigned parts, uint8_t cnt, uint32_t extra)
{
	static uint8_t payload[16384];
	static uint8_t frame[FRAME_ROOM_BYTES];
	const uint32_t headers = ETHER_HEADER_BYTES + IPV4_HEADER_BYTES;
	uint32_t bytes = 0;

	for (unsigned i = 0; i < parts; i++) {
		const uint32_t one = frame_datagram(payload + bytes, cnt);

		payload[bytes + 16] = (uint8_t)i; /* no two are the same: its echo */
		bytes += one;
	}
	memset(payload + bytes, 0x5a, extra);
	bytes += extra;
	frame_build(frame, 4, 0, payload, 1);
	memcpy(out, frame, headers + UDP_HEADER_BYTES);
	memcpy(out + headers + UDP_HEADER_BYTES, payload, bytes);
	bytes += UDP_HEADER_BYTES;
	out[headers + 4] = (uint8_t)(bytes >> 8);
	out[headers + 5] = (uint8_t)bytes;
	bytes += IPV4_HEADER_BYTES;
	out[ETHER_HEADER_BYTES + 2] = (uint8_t)(bytes >> 8);
	out[ETHER_HEADER_BYTES + 3] = (uint8_t)bytes;
	return ETHER_HEADER_BYTES + bytes;
}

static const struct reader_counts *read_all(const struct pcap_file *pcap, struct reader **reader)
{
	struct captured captured;
	struct file file;

	*reader = open_pcap(pcap, &file);
	cr_assert_eq(reader_find_copies(*reader, COPIES_WINDOW_NS), 0);
	while (reader_next(*reader, &captured))
		cr_expect_eq(captured.bytes, wire_bytes(captured.datagram));
	close(file.fd);
	return reader_counts(*reader);
}

Test(reader, takes_joined_datagrams_apart)
{
	static const struct {
		unsigned parts;
		uint32_t extra;
		uint64_t requests;
		uint64_t rests;
		uint64_t refused;
	} rows[] = {{4, 0, 12, 0, 0}, {2, 0, 6, 0, 0},  {3, 1, 9, 1, 0},    {3, 90, 9, 1, 0},
		    {1, 0, 3, 0, 0},  {1, 90, 0, 0, 1}, {40, 87, 120, 1, 0}};
	static struct pcap_file pcap;
	static uint8_t frame[16384];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t bytes = joined_frame(frame, rows[i].parts, 3, rows[i].extra);
		const bool is_joined = rows[i].parts > 1;
		struct reader *reader;

		begin(&pcap, DLT_EN10MB);
		put_packet(&pcap, 10, 0, frame, bytes, bytes);

		const struct reader_counts *counts = read_all(&pcap, &reader);

		cr_expect_eq(counts->packets, 1);
		cr_expect_eq(counts->requests, rows[i].requests);
		cr_expect_eq(counts->joined_packets, is_joined);
		cr_expect_eq(counts->joined_datagrams, is_joined ? rows[i].parts : 0);
		cr_expect_eq(counts->skips[SKIP_JOINED_REST], rows[i].rests);
		cr_expect_eq(counts->drops[DROP_BAD_COUNT], rows[i].refused, "%zu", i);
		reader_close(reader);
	}
}

/* The joined packet at one place, its datagrams one by one at another: each counts once. */
Test(reader, finds_copies_of_joined_datagrams)
{
	static struct pcap_file pcap;
	static uint8_t frame[16384];
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	struct reader *reader;
	uint32_t bytes = joined_frame(frame, 3, 1, 0);

	begin(&pcap, DLT_EN10MB);
	put_packet(&pcap, 10, 0, frame, bytes, bytes);
	for (uint8_t i = 0; i < 4; i++) {
		const uint32_t cnt = frame_datagram(datagram, 1);

		datagram[16] = i;
		bytes = frame_build(frame, 4, 0, datagram, cnt);
		frame[ETHER_HEADER_BYTES + 5] = i + 1; /* identifications, as the kernel gives */
		put_packet(&pcap, 10, 1000U + i, frame, bytes, bytes);
	}

	const struct reader_counts *counts = read_all(&pcap, &reader);

	cr_expect_eq(counts->request_datagrams, 4);
	cr_expect_eq(counts->skips[SKIP_COPY], 3);
	reader_close(reader);
}

/* The same packet through three interfaces of one host. */
static void three_times(struct pcap_file *pcap, uint32_t s, uint32_t us)
{
	uint8_t frame[FRAME_ROOM_BYTES];
	uint8_t packet[FRAME_ROOM_BYTES];
	const uint32_t bytes = request_frame(frame, 6, 0, 2) - ETHER_HEADER_BYTES;

	for (uint8_t i = 0; i < 3; i++) {
		memset(packet, 0, 20);
		packet[0] = 0x86;
		packet[1] = 0xdd;
		packet[7] = i + 2;
		packet[10] = i == 2 ? 4 : 0;
		memcpy(packet + 20, frame + ETHER_HEADER_BYTES, bytes);
		packet[20 + 7] = 64 - i;
		put_packet(pcap, s, us * 1000 + 900U * i, packet, 20 + bytes, 20 + bytes);
	}
}

Test(reader, gives_a_packet_once_and_its_retry_again)
{
	static struct pcap_file pcap;
	struct captured captured;
	struct reader *reader;
	struct file file;
	uint64_t cnt = 0;

	begin(&pcap, DLT_LINUX_SLL2);
	three_times(&pcap, 10, 0);
	three_times(&pcap, 10, 2000); /* a client in a hurry */
	three_times(&pcap, 10, 20000);

	const struct reader_counts *counts = read_all(&pcap, &reader);

	cr_expect_eq(counts->request_datagrams, 3);
	cr_expect_eq(counts->skips[SKIP_COPY], 6);
	reader_close(reader);

	reader = open_pcap(&pcap, &file);
	while (reader_next(reader, &captured))
		cnt++;
	cr_expect_eq(cnt, 9);
	cr_expect_eq(reader_counts(reader)->skips[SKIP_COPY], 0);
	reader_close(reader);
	close(file.fd);
}

Test(reader, looks_into_tunnels_unless_told)
{
	static const uint8_t outer[] = {
		0x12, 0xaa, 0,    0, 0,    2,    2, 0xaa, 0,  0,  0, 1, 0x08, 0x00, /* Ethernet */
		0x45, 0,    0,    0, 0,    0,    0, 0,    64, 17, 0, 0, 10,   1,    0, 9, 10, 1,
		0,    8,    0xc0, 0, 0x12, 0xb5, 0, 0,    0,  0,  8, 0, 0,    0,    0, 0, 1,  0};
	static struct pcap_file pcap;
	struct reader *reader;
	struct captured captured;
	struct file file;
	static uint8_t frame[2 * FRAME_ROOM_BYTES];
	uint32_t bytes = sizeof(outer);

	memcpy(frame, outer, sizeof(outer));
	bytes += request_frame(frame + sizeof(outer), 4, 1, 2);
	frame[ETHER_HEADER_BYTES + 3] = (uint8_t)(bytes - ETHER_HEADER_BYTES);
	frame[ETHER_HEADER_BYTES + 2] = (uint8_t)((bytes - ETHER_HEADER_BYTES) >> 8);
	frame[39] = (uint8_t)(bytes - 34);
	frame[38] = (uint8_t)((bytes - 34) >> 8);
	begin(&pcap, DLT_EN10MB);
	put_packet(&pcap, 10, 0, frame, bytes, bytes);

	const struct reader_counts *counts = read_all(&pcap, &reader);

	cr_expect_eq(counts->requests, 2);
	cr_expect_eq(counts->encapsulated[ENCAPSULATION_VXLAN], 1);
	cr_expect_eq(counts->encapsulated[ENCAPSULATION_VLAN], 1);
	reader_close(reader);

	reader = open_pcap(&pcap, &file);
	reader_no_decapsulation(reader);
	cr_expect_not(reader_next(reader, &captured));
	cr_expect_eq(reader_counts(reader)->drops[DROP_NOT_OUR_PORT], 1);
	cr_expect_eq(reader_counts(reader)->encapsulated[ENCAPSULATION_VXLAN], 0);
	reader_close(reader);
	close(file.fd);
}
