#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/dlt.h>

#include "tests/support/capture_bytes.h"
#include "tools/replay/capture_file.h"

static const uint32_t US = 0xa1b2c3d4;
static const uint32_t NS = 0xa1b23c4d;
static const uint64_t NS_PER_S = 1000000000;

static struct capture_bytes made;

static void put_block(uint32_t type, const void *body, uint32_t bytes)
{
	put_u32(&made, type);
	put_u32(&made, 12 + bytes);
	put_bytes(&made, body, bytes);
	put_u32(&made, 12 + bytes);
}

/* A section with an interface, a packet without an instant, and what was lost. */
static void put_pcapng(const char *four, uint32_t lost)
{
	static const uint8_t section[] = {0x4d, 0x3c, 0x2b, 0x1a, 1,   0,   0,   0,
					  255,  255,  255,  255,  255, 255, 255, 255};
	static const uint8_t interface[] = {113, 0, 0, 0, 0, 0, 0, 0};
	uint8_t simple[8] = {4};
	uint8_t statistics[28] = {[12] = 5, [14] = 8};

	put_block(0x0a0d0d0a, section, sizeof(section));
	put_block(1, interface, sizeof(interface));
	memcpy(simple + 4, four, 4);
	put_block(3, simple, sizeof(simple));
	memcpy(statistics + 16, &lost, sizeof(lost));
	put_block(5, statistics, sizeof(statistics));
}

static void expect_packet(struct capture_file *file, int link, uint64_t at_ns, const char *text)
{
	struct packet packet;

	cr_assert_eq(capture_file_next(file, &packet), 1, "%s: %s", text,
		     capture_file_damage(file));
	cr_expect_eq(packet.link_type, link, "%s", text);
	cr_expect_eq(packet.at_ns, at_ns, "%s", text);
	cr_expect_eq(packet.timeless, at_ns == 0, "%s", text);
	cr_expect_eq(packet.kept, strlen(text), "%s", text);
	cr_expect_eq(memcmp(packet.bytes, text, strlen(text)), 0, "%s", text);
}

static struct capture_file *open_made(int *fd)
{
	char path[CAPTURE_PATH_BYTES];
	struct capture_file *file = NULL;
	struct error error;

	*fd = capture_bytes_save(&made, path);
	cr_assert_eq(capture_file_open(&file, path, &(struct capture_options){0}, &error), 0, "%s",
		     error.text);
	return file;
}

Test(capture_file, reads_captures_that_cat_joined)
{
	struct capture_notes notes = {0};
	struct capture_file *file;
	struct packet packet;
	int fd;

	made = (struct capture_bytes){0};
	put_pcap(&made, US, 65535, 1);
	put_record(&made, 5, 1, "first", 5);
	made.swapped = true;
	put_pcap(&made, NS, 65535, 276);
	put_record(&made, 6, 1, "second", 6);
	made.swapped = false;
	put_pcapng("four", 40);
	put_pcapng("more", 2);
	put_pcap(&made, US, 65535, 101);
	put_record(&made, 7, 1000001, "last", 4);
	file = open_made(&fd);
	expect_packet(file, DLT_EN10MB, 5 * NS_PER_S + 1000, "first");
	expect_packet(file, DLT_LINUX_SLL2, 6 * NS_PER_S + 1, "second");
	expect_packet(file, DLT_LINUX_SLL, 0, "four");
	expect_packet(file, DLT_LINUX_SLL, 0, "more");
	expect_packet(file, DLT_RAW, 8 * NS_PER_S + 1000, "last");
	cr_expect_eq(capture_file_next(file, &packet), 0);
	capture_file_add_notes(file, &notes);
	cr_expect_eq(notes.joined, 3);
	cr_expect_eq(notes.carried, 1);
	cr_expect_eq(notes.lost_interface, 42);
	capture_file_close(file);
	close(fd);
}

Test(capture_file, rare_kinds_of_pcap_come_through_libpcap)
{
	struct capture_file *file;
	struct packet packet;
	int fd;

	made = (struct capture_bytes){0};
	put_pcap(&made, 0xa1b2cd34, 65535, 1); /* with 8 more bytes in a packet's header */
	put_u32(&made, 5);
	put_u32(&made, 1);
	put_u32(&made, 4);
	put_u32(&made, 4);
	put_u32(&made, 0);
	put_u32(&made, 0);
	put_bytes(&made, "rare", 4);
	file = open_made(&fd);
	cr_expect_eq(capture_file_link_type(file), DLT_EN10MB);
	expect_packet(file, DLT_EN10MB, 5 * NS_PER_S + 1000, "rare");
	cr_expect_eq(capture_file_next(file, &packet), 0);
	capture_file_close(file);
	close(fd);
}
