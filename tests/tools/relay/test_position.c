#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/relay/relay.h"

static struct relay relay;
static struct relay_lane lanes[2];

static void set_up(void)
{
	relay = (struct relay){
		.options = {.data = temp_dir_make(),
			    .downstream = {.to = "nats://shop:secret@n1:4222"},
			    .name = "one"},
		.dir = {.journal_id = 7, .shards = 2},
		.lane_cnt = 2,
		.lanes = lanes,
		.lock_fd = -1,
	};
}

static void tear_down(void)
{
	if (relay.lock_fd >= 0)
		close(relay.lock_fd);
	temp_dir_remove();
}

TestSuite(relay_position, .init = set_up, .fini = tear_down);

static int open_again(void)
{
	if (relay.lock_fd >= 0)
		close(relay.lock_fd);
	return relay_position_open(&relay);
}

/* Who it is stays, how often it has started grows; before anything is sent in its name. */
Test(relay_position, keeps_who_it_is_and_counts_its_lives)
{
	uint64_t id;

	cr_assert(eq(int, relay_position_open(&relay), 0), "%s", relay.error);
	id = relay.position.relay_id;
	cr_assert(all(ne(u64, id, 0), eq(u64, relay.position.run, 1),
		      gt(u64, relay.position.budget_bytes, 0)));
	cr_assert(eq(str, relay.position.to, "nats://n1:4222"), "no password in a file");
	relay.options.budget_bytes = 1 << 20;
	for (uint64_t run = 2; run < 5; run++) {
		cr_assert(eq(int, open_again(), 0), "%s", relay.error);
		cr_assert(all(eq(u64, relay.position.relay_id, id),
			      eq(u64, relay.position.run, run),
			      eq(u64, relay.position.budget_bytes, 1 << 20)));
	}
}

/* What prune reads is what is safe, never what is only acknowledged. */
Test(relay_position, tells_prune_what_is_safe)
{
	struct cursor read;

	cr_assert(eq(int, relay_position_open(&relay), 0), "%s", relay.error);
	lanes[0].acked.mark = (struct lane_mark){91, 1, 8192, 9};
	lanes[0].safe = (struct lane_mark){42, 1, 4096, 4};
	cr_assert(eq(int, relay_position_save(&relay), 0), "%s", relay.error);
	cr_assert(eq(
		int,
		cursor_load(&read, temp_path("downstream-one"), relay.error, sizeof(relay.error)),
		0));
	cr_assert(all(eq(u64, read.lane[0].mark.next_lsn, 42),
		      eq(u64, read.lane[0].mark.offset, 4096),
		      eq(u64, read.lane[1].mark.next_lsn, 0)));
}

Test(relay_position, is_one_relays_at_a_time)
{
	struct relay other = relay;

	cr_assert(eq(int, relay_position_open(&relay), 0), "%s", relay.error);
	cr_assert(eq(int, relay_position_open(&other), -EBUSY));
	cr_assert(strstr(other.error, "another relay named 'one' runs") != NULL, "%s", other.error);
	close(other.lock_fd);
	cr_assert(eq(int, relay_forget(&relay.options, other.error, sizeof(other.error)), -EBUSY));
	snprintf(other.options.name, sizeof(other.options.name), "two");
	cr_assert(eq(int, relay_position_open(&other), 0), "%s", other.error);
	close(other.lock_fd);
}

Test(relay_position, refuses_one_that_is_damaged_or_of_another_journal)
{
	cr_assert(eq(int, relay_position_open(&relay), 0), "%s", relay.error);
	relay.dir.journal_id = 8;
	cr_assert(eq(int, open_again(), -EINVAL));
	cr_assert(strstr(relay.error, "of another journal") != NULL, "%s", relay.error);
	relay.dir.journal_id = 7;
	relay.dir.shards = 3;
	cr_assert(eq(int, open_again(), -EINVAL));
	relay.dir.shards = 2;
	poke_file(temp_path("downstream-one"), 20, "#", 1);
	cr_assert(eq(int, open_again(), -EINVAL));
	cr_assert(strstr(relay.error, "damaged") != NULL, "%s", relay.error);
}

Test(relay_position, goes_when_it_is_to_be_forgotten)
{
	char error[512];

	cr_assert(eq(int, relay_forget(&relay.options, error, sizeof(error)), -ENOENT));
	cr_assert(eq(int, relay_position_open(&relay), 0), "%s", relay.error);
	close(relay.lock_fd);
	relay.lock_fd = -1;
	cr_assert(eq(int, relay_forget(&relay.options, error, sizeof(error)), 0), "%s", error);
	cr_assert(not(path_exists(temp_path("downstream-one"))));
}
