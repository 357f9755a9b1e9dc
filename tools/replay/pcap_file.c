#include "tools/replay/pcap_file.h"

#include <string.h>

#include <pcap/dlt.h>

#include "tools/replay/capture_magic.h"

enum {
	/* The rest of the word is about checksums at a frame's end. */
	LINK_TYPE_MASK = 0x03ffffff,
	LINKTYPE_RAW = 101, /* on disk; DLT_RAW in memory */
	/* No link has packets as big: libpcap's own bound is half of it for all but USB. */
	PACKET_BYTES_MAX = 512 << 10,
	/* Microseconds: ten seconds. A clock that was not carried shows less, nanoseconds nearly
	 * always more. */
	FINE_MIN = 10000000,
	/* Nanoseconds, if one in ten packets shows as much, and not a single one. */
	FINE_CNT_MIN = 2,
	FINE_SHARE = 10,
	/* Enough to know what the fractions are. */
	LOOK_AHEAD_CNT = 4096,
};

static const uint64_t NS_PER_S = 1000000000;
static const uint64_t NS_PER_US = 1000;

static uint32_t get_u32(const struct pcap_file *file, const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return file->swapped ? __builtin_bswap32(value) : value;
}

static int damaged(struct pcap_file *file, const char *what)
{
	file->damage = what;
	return -1;
}

/* Of packets that were read with the header: what their fractions are. */
static void look_ahead(struct pcap_file *file, const uint8_t *bytes, size_t cnt)
{
	size_t at = PCAP_FILE_HEADER_BYTES;

	while (file->seen < LOOK_AHEAD_CNT && cnt - at >= PCAP_FILE_RECORD_BYTES) {
		const uint32_t kept = get_u32(file, bytes + at + 8);

		if (capture_magic(bytes + at, cnt - at) != CAPTURE_MAGIC_NONE)
			return;
		file->seen++;
		file->fine += get_u32(file, bytes + at + 4) >= FINE_MIN;
		at += PCAP_FILE_RECORD_BYTES;
		if (kept > cnt - at)
			return;
		at += kept;
	}
}

bool pcap_file_open(struct pcap_file *file, struct stream *stream, bool nanoseconds)
{
	const uint8_t *bytes;
	const size_t cnt = stream_peek(stream, PCAP_FILE_HEADER_BYTES, &bytes);
	uint32_t magic;

	*file = (struct pcap_file){.stream = stream};
	if (cnt < PCAP_FILE_HEADER_BYTES)
		return damaged(file, "cut short within its header") == 0;
	memcpy(&magic, bytes, sizeof(magic));
	file->swapped = magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS;
	file->in_ns = nanoseconds || get_u32(file, bytes) == PCAP_MAGIC_NS;
	file->link_type = (int)(get_u32(file, bytes + 20) & LINK_TYPE_MASK);
	if (file->link_type == LINKTYPE_RAW)
		file->link_type = DLT_RAW;
	look_ahead(file, bytes, cnt);
	stream_take(stream, PCAP_FILE_HEADER_BYTES);
	return true;
}

/* A fraction under the magic of microseconds, in ns. */
static uint64_t fraction_ns(struct pcap_file *file, uint32_t fraction)
{
	if (++file->given > file->seen) {
		file->seen++;
		file->fine += fraction >= FINE_MIN;
	}
	if (fraction >= FINE_MIN ||
	    (file->fine >= FINE_CNT_MIN && file->fine * FINE_SHARE > file->seen)) {
		file->read_as_ns++;
		return fraction;
	}
	file->read_as_us += fraction > 0;
	return fraction * NS_PER_US;
}

static uint64_t instant_of(struct pcap_file *file, const uint8_t *record)
{
	const uint32_t fraction = get_u32(file, record + 4);
	const uint64_t ns = file->in_ns ? fraction : fraction_ns(file, fraction);

	file->carried += ns >= NS_PER_S;
	return get_u32(file, record) * NS_PER_S + ns;
}

int pcap_file_next(struct pcap_file *file, struct pcap_file_packet *out)
{
	const uint8_t *bytes;
	size_t cnt = stream_peek(file->stream, PCAP_FILE_RECORD_BYTES, &bytes);
	uint32_t kept;

	if (file->damage != NULL)
		return -1;
	if (cnt == 0 || capture_magic(bytes, cnt) != CAPTURE_MAGIC_NONE)
		return 0;
	if (cnt < PCAP_FILE_RECORD_BYTES)
		return damaged(file, "cut short within a packet");
	kept = get_u32(file, bytes + 8);
	if (kept > PACKET_BYTES_MAX)
		return damaged(file, "a packet of impossible length");
	cnt = stream_peek(file->stream, PCAP_FILE_RECORD_BYTES + kept, &bytes);
	if (cnt < PCAP_FILE_RECORD_BYTES + kept)
		return damaged(file, "cut short within a packet");
	*out = (struct pcap_file_packet){
		.bytes = bytes + PCAP_FILE_RECORD_BYTES,
		.kept = kept,
		.sent = get_u32(file, bytes + 12),
		.at_ns = instant_of(file, bytes),
	};
	/* The bytes stay where they are until the next peek. */
	stream_take(file->stream, PCAP_FILE_RECORD_BYTES + kept);
	return 1;
}
