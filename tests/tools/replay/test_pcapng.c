#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcap/dlt.h>

#include "tools/replay/pcapng.h"

/* A file in the making, in either byte order. */
static struct {
	bool swapped;
	size_t bytes;
	uint8_t at[4096];
} made;

static const char *damage;

static void put_u16(uint16_t value)
{
	if (made.swapped)
		value = __builtin_bswap16(value);
	memcpy(made.at + made.bytes, &value, sizeof(value));
	made.bytes += sizeof(value);
}

static void put_u32(uint32_t value)
{
	if (made.swapped)
		value = __builtin_bswap32(value);
	memcpy(made.at + made.bytes, &value, sizeof(value));
	made.bytes += sizeof(value);
}

static void put_section(bool swapped)
{
	made.swapped = swapped;
	put_u32(0x0a0d0d0a);
	put_u32(28);
	put_u32(0x1a2b3c4d);
	put_u16(1);
	put_u16(0);
	put_u32(UINT32_MAX);
	put_u32(UINT32_MAX);
	put_u32(28);
}

/* resolution 0xff: none is told. */
static void put_interface(uint16_t link, uint8_t resolution, uint32_t offset_s)
{
	const uint32_t length = 20 + (resolution != 0xff ? 8 : 0) + (offset_s != 0 ? 12 : 0) + 4;

	put_u32(1);
	put_u32(length);
	put_u16(link);
	put_u16(0);
	put_u32(4);
	if (resolution != 0xff) {
		put_u16(9);
		put_u16(1);
		memcpy(made.at + made.bytes, (const uint8_t[]){resolution, 0, 0, 0}, 4);
		made.bytes += 4;
	}
	if (offset_s != 0) {
		put_u16(14);
		put_u16(8);
		put_u32(made.swapped ? 0 : offset_s);
		put_u32(made.swapped ? offset_s : 0);
	}
	put_u16(0);
	put_u16(0);
	put_u32(length);
}

static void put_packet(uint32_t interface, uint64_t ticks, const char *text, uint32_t sent)
{
	const uint32_t kept = (uint32_t)strlen(text);
	const uint32_t padded = (kept + 3) / 4 * 4;

	put_u32(6);
	put_u32(32 + padded);
	put_u32(interface);
	put_u32((uint32_t)(ticks >> 32));
	put_u32((uint32_t)ticks);
	put_u32(kept);
	put_u32(sent);
	memset(made.at + made.bytes, 0, padded);
	memcpy(made.at + made.bytes, text, kept);
	made.bytes += padded;
	put_u32(32 + padded);
}

static struct pcapng *open_made(struct stream **stream)
{
	const int fd = memfd_create("capture", MFD_CLOEXEC);
	struct error error;
	char path[64];

	cr_assert_eq(write(fd, made.at, made.bytes), (ssize_t)made.bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(stream_open(stream, path, &error), 0, "%s", error.text);
	close(fd);
	return pcapng_open(*stream, false, &damage);
}

static void expect_packet(struct pcapng *pcapng, int link, uint64_t at_ns, const char *text)
{
	struct pcapng_packet packet;

	cr_assert_eq(pcapng_next(pcapng, &packet), 1, "%s: %s", text, pcapng_damage(pcapng));
	cr_expect_eq(packet.link_type, link, "%s", text);
	cr_expect_eq(packet.kept, strlen(text), "%s", text);
	cr_expect_eq(memcmp(packet.bytes, text, strlen(text)), 0, "%s", text);
	cr_expect(packet.has_instant, "%s", text);
	cr_expect_eq(packet.at_ns, at_ns, "%s at %lu", text, packet.at_ns);
}

/* Opened and read to its end: packets before it, and the damage that ended it; NULL: none. */
static int read_all(const char **why)
{
	struct pcapng_packet packet;
	struct stream *stream;
	struct pcapng *pcapng = open_made(&stream);
	int packets = 0;
	int rc = -1;

	*why = damage;
	if (pcapng != NULL) {
		while ((rc = pcapng_next(pcapng, &packet)) == 1)
			packets++;
		*why = rc < 0 ? pcapng_damage(pcapng) : NULL;
	}
	pcapng_close(pcapng);
	stream_close(stream);
	return packets;
}

Test(pcapng, interfaces_have_links_and_clocks_of_their_own)
{
	struct pcapng_packet packet;
	struct pcapng *pcapng;
	struct stream *stream;

	for (int swapped = 0; swapped < 2; swapped++) {
		made.bytes = 0;
		put_section(swapped == 1);
		put_interface(1, 0xff, 0);    /* microseconds */
		put_interface(101, 9, 0);     /* nanoseconds */
		put_interface(113, 0x8a, 70); /* 1/1024 s, 70 s ahead */
		put_interface(1, 200, 0);     /* finer than can be told */
		put_packet(0, 3000001, "micro", 5);
		put_packet(1, UINT64_C(1700000000123456789), "nano", 4);
		put_packet(2, 1536, "binary", 6);
		put_packet(3, 1, "too fine", 8);
		pcapng = open_made(&stream);
		cr_assert_not_null(pcapng);
		expect_packet(pcapng, DLT_EN10MB, 3000001000, "micro");
		expect_packet(pcapng, DLT_RAW, UINT64_C(1700000000123456789), "nano");
		expect_packet(pcapng, DLT_LINUX_SLL, UINT64_C(71500000000), "binary");
		cr_assert_eq(pcapng_next(pcapng, &packet), 1);
		cr_expect_not(packet.has_instant);
		cr_expect_eq(pcapng_next(pcapng, &packet), 0);
		pcapng_close(pcapng);
		stream_close(stream);
	}
}

Test(pcapng, sections_follow_each_other_in_either_byte_order)
{
	struct pcapng_packet packet;
	struct pcapng *pcapng;
	struct stream *stream;

	made.bytes = 0;
	put_section(false);
	put_interface(1, 9, 0);
	put_packet(0, 1, "first", 5);
	put_section(true);
	put_interface(276, 9, 0);
	put_packet(0, 2, "second", 6);
	pcapng = open_made(&stream);
	cr_assert_not_null(pcapng);
	expect_packet(pcapng, DLT_EN10MB, 1, "first");
	expect_packet(pcapng, DLT_LINUX_SLL2, 2, "second");
	cr_expect_eq(pcapng_next(pcapng, &packet), 0);
	pcapng_close(pcapng);
	stream_close(stream);
}

Test(pcapng, simple_packets_are_cut_by_the_snaplen_and_have_no_instant)
{
	struct pcapng_packet packet;
	struct pcapng *pcapng;
	struct stream *stream;

	made.bytes = 0;
	put_section(false);
	put_interface(1, 9, 0); /* a snaplen of 4 */
	put_u32(0xbad);         /* a block of an unknown type */
	put_u32(16);
	put_u32(0);
	put_u32(16);
	put_u32(3);
	put_u32(20);
	put_u32(6);
	memcpy(made.at + made.bytes, "four", 4);
	made.bytes += 4;
	put_u32(20);
	pcapng = open_made(&stream);
	cr_assert_not_null(pcapng);
	cr_assert_eq(pcapng_next(pcapng, &packet), 1);
	cr_expect_eq(packet.kept, 4);
	cr_expect_eq(packet.sent, 6);
	cr_expect_not(packet.has_instant);
	cr_expect_eq(pcapng_next(pcapng, &packet), 0);
	pcapng_close(pcapng);
	stream_close(stream);
}

/* Where one word is changed, and what is said then. */
static const struct {
	size_t at;
	uint32_t value;
	int packets;
	const char *why;
} damages[] = {
	{0, 0x0a0d0d0b, 0, "does not begin with a section"},
	{4, 11, 0, "a block of impossible length"},
	{4, 12, 0, "a block of impossible length"},
	{4, 0x7ffffff0, 0, "a block of impossible length"},
	{8, 0x1a2b3c4e, 0, "no byte order at the begin of a section"},
	{12, 2, 0, "a section of an unknown version"},
	{24, 32, 0, "a block whose lengths differ"},
	{32, 12, 0, "a block whose lengths differ"},
	{60, 1, 0, "a packet of an interface that was not described"},
	{72, 9, 0, "a packet that is longer than its block"},
	{96, 28, 1, "a block whose lengths differ"},
	{96, 4000, 1, "cut short within a block"},
};

Test(pcapng, damage_is_told_and_ends_the_file)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const char *why;

		made.bytes = 0;
		put_section(false);              /* 0 to 28 */
		put_interface(1, 0xff, 0);       /* to 52 */
		put_packet(0, 1, "eight by", 8); /* to 92 */
		put_packet(0, 2, "eight by", 8);
		cr_assert_eq(made.bytes, 132);
		memcpy(made.at + damages[i].at, &damages[i].value, sizeof(damages[i].value));
		cr_expect_eq(read_all(&why), damages[i].packets, "damage %zu", i);
		cr_expect_str_eq(why != NULL ? why : "nothing", damages[i].why, "damage %zu", i);
	}
}

Test(pcapng, cut_anywhere_it_keeps_what_is_whole)
{
	made.bytes = 0;
	put_section(true);
	put_interface(1, 6, 3);
	put_packet(0, 1, "one", 3);

	const size_t first_end = made.bytes;

	put_packet(0, 2, "two", 3);
	for (size_t bytes = made.bytes; bytes > 0; bytes--) {
		const char *why;

		made.bytes = bytes;
		cr_expect_eq(read_all(&why), bytes == first_end + 36 ? 2 : bytes >= first_end,
			     "%zu bytes", bytes);
	}
}

static void put_words(const uint32_t *words, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		put_u32(words[i]);
}

/* A packet of seven bytes: padded or not, its length rounded up or not, at either end. */
Test(pcapng, blocks_whose_length_is_not_rounded_are_read)
{
	static const struct {
		uint32_t padding;
		uint32_t before;
		uint32_t after;
	} forms[] = {{1, 40, 40}, {1, 39, 39}, {1, 39, 40}, {0, 39, 39}};

	for (size_t i = 0; i < 8; i++) {
		struct pcapng *pcapng;
		struct stream *stream;

		made.bytes = 0;
		put_section(i >= 4);
		put_interface(1, 9, 0);
		put_words((const uint32_t[]){6, forms[i % 4].before, 0, 0, 5, 7, 7}, 7);
		memcpy(made.at + made.bytes, "seventh", 8);
		made.bytes += 7 + forms[i % 4].padding;
		put_u32(forms[i % 4].after);
		put_packet(0, 6, "next", 4);
		pcapng = open_made(&stream);
		cr_assert_not_null(pcapng);
		expect_packet(pcapng, DLT_EN10MB, 5, "seventh");
		expect_packet(pcapng, DLT_EN10MB, 6, "next");
		cr_expect_eq(pcapng_next(pcapng, &(struct pcapng_packet){0}), 0, "form %zu", i);
		pcapng_close(pcapng);
		stream_close(stream);
	}
}

static void put_u64_option(uint16_t code, uint32_t value)
{
	put_u16(code);
	put_u16(8);
	put_u32(made.swapped ? 0 : value);
	put_u32(made.swapped ? value : 0);
}

static void put_statistics(uint32_t interface, uint16_t code, uint32_t value)
{
	put_words((const uint32_t[]){5, 40, interface, 0, 0}, 5);
	put_u64_option(code, value);
	put_words((const uint32_t[]){0, 40}, 2);
}

/* The statistics count from the capture's beginning, packets since the one before. */
Test(pcapng, what_the_capture_lost_is_summed_up)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		struct pcapng_lost lost;
		struct pcapng *pcapng;
		struct stream *stream;

		made.bytes = 0;
		put_section(swapped == 1);
		put_interface(1, 9, 0);
		put_interface(1, 9, 0);
		put_statistics(0, 5, 7);
		put_statistics(0, 5, 9);
		put_statistics(0, 7, 3);
		put_statistics(1, 5, 20);
		put_statistics(1, 4, 1000); /* received, not lost */
		put_statistics(9, 5, 1000); /* of no interface */
		for (uint32_t i = 0; i < 2; i++) {
			put_words((const uint32_t[]){6, 52, 0, 0, 5, 4, 4}, 7);
			memcpy(made.at + made.bytes, "four", 4);
			made.bytes += 4;
			put_u64_option(4, 100);
			put_words((const uint32_t[]){0, 52}, 2);
		}
		put_u32(2); /* the old block: interface 0, 5 lost; then unknown */
		put_u32(36);
		put_u16(0);
		put_u16(5);
		put_words((const uint32_t[]){0, 6, 4, 4}, 4);
		memcpy(made.at + made.bytes, "four", 4);
		made.bytes += 4;
		put_u32(36);
		put_u32(2);
		put_u32(32);
		put_u16(0);
		put_u16(UINT16_MAX);
		put_words((const uint32_t[]){0, 6, 0, 0, 32}, 5);
		put_section(swapped == 0);
		put_interface(1, 9, 0);
		put_statistics(0, 5, 4000);
		pcapng = open_made(&stream);
		cr_assert_not_null(pcapng);
		for (int i = 0; i < 4; i++)
			cr_assert_eq(pcapng_next(pcapng, &(struct pcapng_packet){0}), 1);
		cr_assert_eq(pcapng_next(pcapng, &(struct pcapng_packet){0}), 0);
		pcapng_lost(pcapng, &lost);
		cr_expect_eq(lost.interface, 9 + 20 + 4000);
		cr_expect_eq(lost.system, 3);
		cr_expect_eq(lost.between, 205);
		pcapng_close(pcapng);
		stream_close(stream);
	}
}

Test(pcapng, a_simple_packet_needs_the_description_of_an_interface)
{
	const char *why;

	made.bytes = 0;
	put_section(false);
	put_words((const uint32_t[]){3, 20, 4, 0, 20}, 5);
	cr_expect_eq(read_all(&why), 0);
	cr_assert_not_null(why);
	cr_expect_not_null(strstr(why, "no interface was described"));
}

Test(pcapng, nanoseconds_without_a_resolution_are_recognised)
{
	struct pcapng *pcapng;
	struct stream *stream;

	made.bytes = 0;
	put_section(false);
	put_interface(1, 0xff, 0); /* so microseconds */
	put_interface(1, 6, 0);    /* it says so */
	put_packet(0, UINT64_C(1700000000123456789), "nano", 4);
	put_packet(0, UINT64_C(1700000000123456), "micro", 5);
	put_packet(1, UINT64_C(1700000000123456), "said", 4);
	put_packet(1, UINT64_C(1700000000123456789), "far off", 7);
	pcapng = open_made(&stream);
	cr_assert_not_null(pcapng);
	expect_packet(pcapng, DLT_EN10MB, UINT64_C(1700000000123456789), "nano");
	expect_packet(pcapng, DLT_EN10MB, UINT64_C(1700000000123456000), "micro");
	expect_packet(pcapng, DLT_EN10MB, UINT64_C(1700000000123456000), "said");
	cr_expect_eq(pcapng_next(pcapng, &(struct pcapng_packet){0}), 1);
	cr_expect_eq(pcapng_read_as_ns(pcapng), 1);
	pcapng_close(pcapng);
	stream_close(stream);
}
