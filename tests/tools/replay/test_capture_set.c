#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/capture_bytes.h"
#include "tests/support/temp_dir.h"
#include "tools/replay/capture_set.h"

enum {
	FILES_MAX = 200,
};

static const uint32_t NS = 0xa1b23c4d;
static const uint64_t NS_PER_S = 1000000000;

static struct capture_bytes made;
static char names[FILES_MAX][PATH_MAX];
static const char *paths[FILES_MAX];
static struct capture_source source;
static struct capture_set *set;

static void begin_test(void)
{
	temp_dir_make();
}

static void end_test(void)
{
	capture_set_close(set);
	temp_dir_remove();
}

TestSuite(capture_set, .init = begin_test, .fini = end_test);

static void begin_file(void)
{
	made.cnt = 0;
	put_pcap(&made, NS, 65535, 1);
}

/* Packets are text: their instant in seconds says where they belong. */
static void put_at(uint32_t s)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", s);
	put_record(&made, s, 0, text, (uint32_t)strlen(text));
}

static void end_file(const char *name)
{
	const uint32_t i = source.cnt++;
	FILE *file;

	snprintf(names[i], sizeof(names[i]), "%s", temp_path(name));
	paths[i] = names[i];
	file = fopen(names[i], "w");
	cr_assert_eq(fwrite(made.at, 1, made.cnt, file), made.cnt);
	fclose(file);
	source.paths = paths;
}

static void open_set(void)
{
	struct error error;

	cr_assert_eq(capture_set_open(&set, &source, &error), 0, "%s", error.text);
}

static void expect_at(uint32_t s, bool beyond_gap)
{
	struct packet packet;
	char text[16];

	cr_assert_eq(capture_set_next(set, &packet), 1, "%u", s);
	snprintf(text, sizeof(text), "%u", s);
	cr_expect_eq(packet.kept, strlen(text), "%u", s);
	cr_expect_eq(memcmp(packet.bytes, text, strlen(text)), 0, "%u, not %.*s", s,
		     (int)packet.kept, packet.bytes);
	cr_expect_eq(packet.at_ns, s * NS_PER_S);
	cr_expect_eq(packet.beyond_gap, beyond_gap, "%u", s);
}

static void expect_end(int rc)
{
	cr_expect_eq(capture_set_next(set, &(struct packet){0}), rc);
	cr_expect_eq(capture_set_next(set, &(struct packet){0}), rc);
}

static unsigned open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned cnt = 0;

	while (readdir(directory) != NULL)
		cnt++;
	closedir(directory);
	return cnt;
}

Test(capture_set, gives_the_packets_of_overlapping_files_by_instant)
{
	struct capture_notes notes;
	uint64_t number;

	begin_file();
	put_at(20);
	put_at(21);
	end_file("later");
	begin_file();
	put_at(10);
	put_at(12);
	put_at(19);
	put_at(22);
	end_file("first");
	begin_file();
	put_at(11);
	put_at(13);
	end_file("second");
	begin_file();
	end_file("nothing");
	open_set();
	for (uint32_t s = 10; s < 14; s++)
		expect_at(s, false);
	for (uint32_t s = 19; s < 22; s++)
		expect_at(s, false);
	cr_expect_str_eq(capture_set_where(set, &number), names[0]);
	cr_expect_eq(number, 2);
	expect_at(22, false);
	expect_end(0);
	capture_set_notes(set, &notes);
	cr_expect_eq(notes.files, 4);
	cr_expect_eq(notes.late, 0);
}

Test(capture_set, a_rotation_of_one_instant_goes_by_its_numbers)
{
	static const char *const order[] = {"cap2", "cap9999", "cap10000", "cap10001"};
	static const unsigned named[] = {3, 1, 2, 0};
	struct packet packet;

	for (unsigned i = 0; i < 4; i++) {
		begin_file();
		put_record(&made, 5, 0, order[named[i]], 8);
		end_file(order[named[i]]);
	}
	open_set();
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(capture_set_next(set, &packet), 1);
		cr_expect_eq(memcmp(packet.bytes, order[i], strlen(order[i])), 0, "%.*s, not %s",
			     (int)packet.kept, packet.bytes, order[i]);
	}
	expect_end(0);
}

Test(capture_set, many_files_need_few_descriptors)
{
	unsigned before;

	for (uint32_t i = 0; i < FILES_MAX; i++) {
		char name[16];

		begin_file();
		put_at(5000 - i * 10);
		put_at(5009 - i * 10);
		snprintf(name, sizeof(name), "%u", i);
		end_file(name);
	}
	before = open_files();
	open_set();
	for (uint32_t i = FILES_MAX; i-- > 0;) {
		expect_at(5000 - i * 10, false);
		expect_at(5009 - i * 10, false);
		cr_assert_leq(open_files(), before + 2);
	}
	expect_end(0);
}

/* More side by side than are opened together: nothing is lost, and what is late is said. */
Test(capture_set, too_many_at_once_come_late)
{
	struct capture_notes notes;
	struct packet packet;
	unsigned cnt = 0;

	for (uint32_t i = 0; i < 100; i++) {
		char name[16];

		begin_file();
		put_at(1000 + i);
		put_at(9000 + i);
		snprintf(name, sizeof(name), "%u", i);
		end_file(name);
	}
	open_set();
	while (capture_set_next(set, &packet) == 1)
		cnt++;
	cr_expect_eq(cnt, 200);
	capture_set_notes(set, &notes);
	cr_expect_eq(notes.late, 100 - 64);
}

Test(capture_set, a_damaged_file_ends_and_the_others_go_on)
{
	struct capture_notes notes;

	begin_file();
	put_at(10);
	put_at(13);
	made.cnt--;
	end_file("cut");
	made.cnt = 0;
	end_file("empty");
	begin_file();
	put_at(11);
	put_at(12);
	end_file("whole");
	open_set();
	for (uint32_t s = 10; s < 13; s++)
		expect_at(s, false);
	expect_end(-1);
	cr_expect_not_null(strstr(capture_set_damage(set), "empty"), "%s", capture_set_damage(set));
	capture_set_notes(set, &notes);
	cr_expect_eq(notes.damaged, 2);
}

/* A wrong clock: first, second, later, last, several in a row. */
Test(capture_set, what_is_far_ahead_is_marked_and_holds_nothing_up)
{
	source.max_gap_ns = 100 * NS_PER_S;
	begin_file();
	put_at(90000);
	put_at(10);
	put_at(30);
	put_at(80000);
	put_at(80001);
	put_at(40);
	put_at(70000);
	end_file("a");
	begin_file();
	put_at(20);
	put_at(60000);
	put_at(35);
	end_file("b");
	begin_file();
	put_at(50);
	end_file("c");
	open_set();
	expect_at(90000, true);
	expect_at(10, false);
	expect_at(20, false);
	expect_at(60000, true);
	expect_at(30, false);
	expect_at(80000, true);
	expect_at(80001, true);
	expect_at(35, false);
	expect_at(40, false);
	expect_at(70000, true);
	expect_at(50, false);
	expect_end(0);
}

Test(capture_set, a_first_packet_far_behind_is_marked_too)
{
	source.max_gap_ns = 100 * NS_PER_S;
	begin_file();
	put_at(1);
	put_at(5000);
	put_at(5001);
	put_at(5101);
	end_file("a");
	open_set();
	expect_at(1, true);
	expect_at(5000, false);
	expect_at(5001, false);
	expect_at(5101, false);
	expect_end(0);
}
