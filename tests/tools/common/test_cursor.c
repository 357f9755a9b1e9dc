#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tests/support/temp_dir.h"
#include "tools/common/cursor.h"

static struct error error;

static struct cursor example(void)
{
	struct cursor cursor = {
		.journal_id = 0x1122334455667788,
		.lanes = 2,
		.relay_id = 0x99,
		.run = 3,
		.budget_bytes = 1000,
		.to = "nats doorbuster",
		.address = "nats://127.0.0.1:4222",
	};

	cursor.lane[0].mark = (struct lane_mark){42, {1, 4096}, UINT64_MAX};
	cursor.lane[1].extra = 7;
	snprintf(cursor.lane[1].who, sizeof(cursor.lane[1].who), "made-2026-11-11T00:00:00Z");
	return cursor;
}

Test(cursor, is_loaded_as_it_was_saved, .init = (void (*)(void))temp_dir_make,
     .fini = temp_dir_remove)
{
	const struct cursor cursor = example();
	struct cursor loaded;

	cr_assert(eq(int, cursor_load(&loaded, temp_path("c"), &error), -ENOENT));
	for (int i = 0; i < 2; i++) {
		cr_assert(eq(int, cursor_save(&cursor, temp_path("c"), &error), 0));
		cr_assert(eq(int, cursor_load(&loaded, temp_path("c"), &error), 0), "%s",
			  error.text);
		cr_assert(all(eq(u64, loaded.journal_id, cursor.journal_id),
			      eq(u16, loaded.lanes, 2), eq(u64, loaded.relay_id, 0x99),
			      eq(u64, loaded.run, 3), eq(u64, loaded.budget_bytes, 1000),
			      eq(str, loaded.to, (char *)cursor.to),
			      eq(str, loaded.address, (char *)cursor.address),
			      eq(str, loaded.lane[0].who, ""),
			      eq(str, loaded.lane[1].who, (char *)cursor.lane[1].who)));
		cr_assert(all(eq(u64, loaded.lane[0].mark.next_lsn, 42),
			      eq(u64, loaded.lane[0].mark.place.segment, 1),
			      eq(u64, loaded.lane[0].mark.place.offset, 4096),
			      eq(u64, loaded.lane[0].mark.checksum, UINT64_MAX),
			      eq(u64, loaded.lane[1].mark.next_lsn, 0),
			      eq(u64, loaded.lane[1].extra, 7)));
	}
	cr_assert(not(path_exists(temp_path("c.new"))));
}

/* Every way in which a line can be wrong, and every length the file can be cut to, is refused. */
Test(cursor, refuses_what_is_damaged, .init = (void (*)(void))temp_dir_make,
     .fini = temp_dir_remove)
{
	static const char *const bad[] = {
		"",
		"doorbuster-cursor 3\njournal 0000000000000001\n",
		"doorbuster-cursor 2\njournal 0000000000000001\nwho 0 made-now\n",
		"doorbuster-cursor 1\n",
		"doorbuster-cursor 1\njournal 1 2\n",
		"doorbuster-cursor 1\njournal 0000000000000001\nlane 1 next-lsn 1 segment 0 offset "
		"0 checksum 0 extra 0\n",
		"doorbuster-cursor 1\njournal 0000000000000001\nlane 0 next-lsn 1 segment 0 offset "
		"0 checksum 0\n",
		"doorbuster-cursor 1\njournal 0000000000000001\nnonsense\n",
		"doorbuster-cursor 1\njournal 0000000000000001\nlane 0 next-lsn 0 segment 3 offset "
		"4096 checksum 0 extra 0\n",
	};
	struct cursor loaded;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text(temp_path("c"), bad[i]);
		cr_assert(eq(int, cursor_load(&loaded, temp_path("c"), &error), -EINVAL), "%s",
			  bad[i]);
		cr_assert(ne(ptr, strstr(error.text, "damaged"), NULL));
	}
}

/* A directory that isn't there: said, and what was there stays. */
Test(cursor, says_what_cannot_be_written)
{
	const struct cursor cursor = example();

	cr_assert(eq(int, cursor_save(&cursor, "/nonexistent/c", &error), -ENOENT));
	cr_assert(ne(ptr, strstr(error.text, "/nonexistent/c: cannot be written"), NULL), "%s",
		  error.text);
}

/* A cursor of an older umask. */
Test(cursor, is_its_owners_only_once_it_was_read, .init = (void (*)(void))temp_dir_make,
     .fini = temp_dir_remove)
{
	const struct cursor cursor = example();
	struct cursor loaded;
	struct stat info;

	cr_assert(eq(int, cursor_save(&cursor, temp_path("c"), &error), 0));
	cr_assert(eq(int, chmod(temp_path("c"), 0644), 0));
	cr_assert(eq(int, cursor_load(&loaded, temp_path("c"), &error), 0));
	cr_assert(eq(int, stat(temp_path("c"), &info), 0));
	cr_assert(eq(u32, info.st_mode & 0777, 0600));
}
