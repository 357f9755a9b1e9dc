#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/dlt.h>

#include "tests/support/capture_bytes.h"
#include "tools/replay/pcap_file.h"

static const uint32_t US = 0xa1b2c3d4;
static const uint32_t NS = 0xa1b23c4d;
static const uint64_t NS_PER_S = 1000000000;

static struct capture_bytes made;
static struct stream *stream;
static struct pcap_file pcap;

static void begin(bool swapped, uint32_t magic, uint32_t snaplen)
{
	made.cnt = 0;
	made.swapped = swapped;
	put_pcap(&made, magic, snaplen, 1);
}

static void open_made(bool nanoseconds)
{
	char path[CAPTURE_PATH_BYTES];
	struct error error;
	const int fd = capture_bytes_save(&made, path);

	cr_assert_eq(stream_open(&stream, path, &error), 0, "%s", error.text);
	close(fd);
	cr_assert(pcap_file_open(&pcap, stream, nanoseconds));
}

static void expect_packet(uint64_t at_ns, const char *text, uint32_t sent)
{
	struct pcap_file_packet packet;

	cr_assert_eq(pcap_file_next(&pcap, &packet), 1, "%s", text);
	cr_expect_eq(packet.at_ns, at_ns, "%s: %lu, not %lu", text, packet.at_ns, at_ns);
	cr_expect_eq(packet.kept, strlen(text), "%s", text);
	cr_expect_eq(packet.sent, sent, "%s", text);
	cr_expect_eq(memcmp(packet.bytes, text, strlen(text)), 0, "%s", text);
}

static void expect_end(int rc, const char *damage)
{
	struct pcap_file_packet packet;

	cr_expect_eq(pcap_file_next(&pcap, &packet), rc);
	cr_expect_str_eq(pcap.damage != NULL ? pcap.damage : "", damage);
	stream_close(stream);
}

Test(pcap_file, reads_either_byte_order_and_unit_whatever_the_snaplen)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		begin(swapped == 1, US, 4);
		put_record(&made, 0xf0000000, 7, "longer than the snaplen", 23);
		put_record(&made, 3, 999999, "cut", 100);
		open_made(false);
		cr_expect_eq(pcap.link_type, DLT_EN10MB);
		expect_packet(0xf0000000 * NS_PER_S + 7000, "longer than the snaplen", 23);
		expect_packet(3 * NS_PER_S + 999999000, "cut", 100);
		expect_end(0, "");
		begin(swapped == 1, NS, 0);
		put_record(&made, 3, 999999999, "", 0);
		open_made(false);
		expect_packet(3 * NS_PER_S + 999999999, "", 0);
		expect_end(0, "");
	}
}

Test(pcap_file, carries_a_fraction_of_a_second_and_more)
{
	begin(false, US, 65535);
	put_record(&made, 5, 999999, "before", 6);
	put_record(&made, 5, 1000000, "a second", 8);
	put_record(&made, 5, 3000001, "three", 5);
	open_made(false);
	expect_packet(5 * NS_PER_S + 999999000, "before", 6);
	expect_packet(6 * NS_PER_S, "a second", 8);
	expect_packet(8 * NS_PER_S + 1000, "three", 5);
	cr_expect_eq(pcap.carried, 2);
	cr_expect_eq(pcap.read_as_ns, 0);
	expect_end(0, "");
	begin(true, NS, 65535);
	put_record(&made, 5, 1000000001, "a second", 8);
	open_made(false);
	expect_packet(6 * NS_PER_S + 1, "a second", 8);
	cr_expect_eq(pcap.carried, 1);
	expect_end(0, "");
}

/* Also those small enough to be microseconds, and before the first that is not. */
Test(pcap_file, recognises_nanoseconds_where_microseconds_are_announced)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		begin(swapped == 1, US, 65535);
		put_record(&made, 5, 17, "early", 5);
		put_record(&made, 5, 500000000, "half", 4);
		put_record(&made, 5, 999999999, "late", 4);
		put_record(&made, 6, 1500000, "small", 5);
		open_made(false);
		expect_packet(5 * NS_PER_S + 17, "early", 5);
		expect_packet(5 * NS_PER_S + 500000000, "half", 4);
		expect_packet(5 * NS_PER_S + 999999999, "late", 4);
		expect_packet(6 * NS_PER_S + 1500000, "small", 5);
		cr_expect_eq(pcap.read_as_ns, 4);
		cr_expect_eq(pcap.read_as_us, 0);
		cr_expect_eq(pcap.carried, 0);
		expect_end(0, "");
	}
}

Test(pcap_file, one_wild_fraction_makes_no_nanoseconds)
{
	begin(false, US, 65535);
	put_record(&made, 5, 900000000, "wild", 4);
	put_record(&made, 5, 17, "one", 3);
	put_record(&made, 5, 18, "two", 3);
	open_made(false);
	expect_packet(5 * NS_PER_S + 900000000, "wild", 4);
	expect_packet(5 * NS_PER_S + 17000, "one", 3);
	expect_packet(5 * NS_PER_S + 18000, "two", 3);
	expect_end(0, "");
	/* Who says so is believed. */
	open_made(true);
	expect_packet(5 * NS_PER_S + 900000000, "wild", 4);
	expect_packet(5 * NS_PER_S + 17, "one", 3);
	cr_expect_eq(pcap.read_as_us, 0);
	stream_close(stream);
}

Test(pcap_file, ends_where_another_capture_begins)
{
	static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d};

	for (size_t i = 0; i < 4; i++) {
		begin(false, US, 65535);
		put_record(&made, 5, 1, "first", 5);
		made.swapped = i % 2 == 1;
		put_pcap(&made, magics[i / 2], 65535, 113);
		put_record(&made, 6, 1, "second", 6);
		open_made(false);
		expect_packet(5 * NS_PER_S + 1000, "first", 5);
		cr_expect_eq(pcap_file_next(&pcap, &(struct pcap_file_packet){0}), 0);
		cr_assert(pcap_file_open(&pcap, stream, false));
		cr_expect_eq(pcap.link_type, DLT_LINUX_SLL);
		expect_packet(6 * NS_PER_S + (i / 2 == 0 ? 1000 : 1), "second", 6);
		expect_end(0, "");
	}
}

Test(pcap_file, damage_ends_it)
{
	static const char why[] = "cut short within a packet";

	begin(false, NS, 65535);
	put_record(&made, 5, 1, "whole", 5);
	put_record(&made, 6, 1, "not whole", 9);
	for (size_t bytes = made.cnt - 1; bytes > PCAP_FILE_HEADER_BYTES + 21; bytes--) {
		made.cnt = bytes;
		open_made(false);
		expect_packet(5 * NS_PER_S + 1, "whole", 5);
		expect_end(-1, why);
	}
	begin(false, NS, 65535);
	put_record(&made, 5, 1, "whole", 5);
	put_u32(&made, 6);
	put_u32(&made, 1);
	put_u32(&made, 1 << 30);
	put_u32(&made, 1 << 30);
	open_made(false);
	expect_packet(5 * NS_PER_S + 1, "whole", 5);
	expect_end(-1, "a packet of impossible length");
}
