/*
 * fuzz_capture: arbitrary bytes as a capture file and as a packet of any link. What the reader
 * gives must lie inside the packet and be what it says; every packet, and every datagram of a
 * packet that holds several, is counted exactly once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcap/dlt.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "tools/replay/reader.h"
#include "tools/replay/unwrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t seen;

static void check_captured(const struct captured *captured)
{
	const struct wire_header *header = (const struct wire_header *)captured->datagram;

	CHECK(captured->bytes >= WIRE_DATAGRAM_BYTES_MIN);
	CHECK(captured->bytes == wire_bytes(captured->datagram));
	/* All of it can be read: AddressSanitizer sees who looks behind it. */
	for (uint32_t i = 0; i < captured->bytes; i++)
		seen += captured->datagram[i];
	CHECK(header->kind ==
	      (captured->kind == CAPTURED_REPLY ? WIRE_KIND_REPLY : WIRE_KIND_REQUEST));
}

/* What is inside lies inside. */
static void check_inside(const uint8_t *frame, uint32_t bytes)
{
	struct unwrapped inside;
	const enum skip skip = unwrap(frame, bytes, 7700, &inside);

	CHECK(inside.network >= frame && inside.network + inside.bytes <= frame + bytes);
	CHECK(inside.seen >> ENCAPSULATION_CNT == 0);
	if (skip != SKIP_CNT)
		return;
	for (uint32_t i = 0; i < inside.bytes; i++)
		seen += inside.network[i];
}

static void as_packet(const uint8_t *data, size_t bytes)
{
	static const int links[] = {DLT_EN10MB,
				    DLT_LINUX_SLL,
				    DLT_LINUX_SLL2,
				    DLT_RAW,
				    DLT_IPV4,
				    DLT_IPV6,
				    DLT_NULL,
				    DLT_LOOP,
				    DLT_NFLOG,
				    DLT_PKTAP,
				    DLT_PPP,
				    DLT_PPP_SERIAL,
				    DLT_PPP_ETHER,
				    DLT_PPP_PPPD,
				    DLT_PPP_WITH_DIR,
				    DLT_C_HDLC,
				    DLT_ERF,
				    DLT_MPLS,
				    DLT_DSA_TAG_DSA,
				    DLT_DSA_TAG_EDSA,
				    DLT_DSA_TAG_BRCM,
				    DLT_C_HDLC_WITH_DIR,
				    DLT_DSA_TAG_BRCM_PREPEND};
	static uint8_t room[LINK_FRAME_BYTES_MAX];
	/* A block of its own: AddressSanitizer sees the first byte behind it. */
	uint8_t *packet = malloc(bytes);

	CHECK(packet != NULL);
	memcpy(packet, data, bytes);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct captured captured;
		const uint8_t *frame;
		uint32_t frame_bytes;
		enum drop drop;
		enum skip skip =
			link_frame(links[i], packet, (uint32_t)bytes, room, &frame, &frame_bytes);

		CHECK(link_known(links[i]));
		if (skip != SKIP_CNT)
			continue;
		CHECK(frame_bytes <= bytes + ETHER_HEADER_BYTES);
		check_inside(frame, frame_bytes);
		for (unsigned cut = 0; cut < 2; cut++) {
			if (!captured_find(frame, frame_bytes, cut != 0, 7700, &captured, &drop,
					   &skip)) {
				CHECK(drop != DROP_NONE || skip != SKIP_CNT);
				CHECK(cut != 0 || skip != SKIP_SNAPLEN_CUT);
				continue;
			}
			CHECK(captured.datagram + captured.bytes + captured.rest_bytes <=
			      frame + frame_bytes);
			check_captured(&captured);
			while (captured.rest_bytes > 0 && captured_rest(&captured))
				check_captured(&captured);
		}
	}
	free(packet);
}

static void as_file(const uint8_t *data, size_t bytes)
{
	const int fd = memfd_create("capture", MFD_CLOEXEC);
	struct reader *reader = NULL;
	struct captured captured;
	char path[64];
	struct error error;

	CHECK(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (reader_open(&reader, path, 7700, &error) == 0) {
		const struct reader_counts *counts = reader_counts(reader);
		uint64_t sum;

		/* Their memory is big: not each time. */
		if (bytes % 8 == 0)
			CHECK(reader_find_copies(reader, 5000000) == 0);

		while (reader_next(reader, &captured))
			check_captured(&captured);
		sum = counts->request_datagrams + counts->reply_datagrams;
		for (unsigned i = 0; i < DROP_CNT; i++)
			sum += counts->drops[i];
		for (unsigned i = 0; i < SKIP_CNT; i++)
			sum += counts->skips[i];
		CHECK(sum == counts->packets - counts->joined_packets + counts->joined_datagrams +
				     counts->skips[SKIP_JOINED_REST]);
		reader_close(reader);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes == 0 || bytes > UINT16_MAX)
		return 0;
	as_packet(data, bytes);
	as_file(data, bytes);
	return 0;
}
