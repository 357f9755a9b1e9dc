#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tests/support/temp_dir.h"
#include "tools/relay/relay.h"

static struct relay relay;
static struct relay_lane lanes[2];
static struct downstream downstream;

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
	lanes[0].downstream = lanes[1].downstream = &downstream;
	lanes[1].lane = 1;
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
	relay.begun = false;
	return relay_position_open(&relay);
}

/* Opens it as a start does that reaches its downstream: 0, or -errno with relay.error. */
static int start(void)
{
	const int rc = open_again();

	return rc == 0 ? relay_position_meet(&relay, &lanes[0]) : rc;
}

/* Who it is stays, how often it has started grows; before anything is sent in its name. */
Test(relay_position, keeps_who_it_is_and_counts_its_lives)
{
	uint64_t id;

	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	id = relay.position.relay_id;
	cr_assert(all(ne(u64, id, 0), eq(u64, relay.position.run, 1),
		      gt(u64, relay.position.budget_bytes, 0)));
	cr_assert(all(eq(str, relay.position.to, "nats doorbuster"),
		      eq(str, relay.position.address, "nats://n1:4222")),
		  "no password in a file");
	relay.options.budget_bytes = 1 << 20;
	for (uint64_t run = 2; run < 5; run++) {
		cr_assert(eq(int, start(), 0), "%s", relay.error.text);
		cr_assert(all(eq(u64, relay.position.relay_id, id),
			      eq(u64, relay.position.run, run),
			      eq(u64, relay.position.budget_bytes, 1 << 20)));
	}
}

/* What prune reads is what is safe, never what is only acknowledged. */
Test(relay_position, tells_prune_what_is_safe)
{
	struct cursor read;

	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	lanes[0].acked.mark = (struct lane_mark){91, {1, 8192}, 9};
	lanes[0].safe = (struct lane_mark){42, {1, 4096}, 4};
	relay_position_save(&relay, 0);
	cr_assert(eq(int, cursor_load(&read, temp_path("downstream-one"), &relay.error), 0));
	cr_assert(all(eq(u64, read.lane[0].mark.next_lsn, 42),
		      eq(u64, read.lane[0].mark.place.offset, 4096),
		      eq(u64, read.lane[1].mark.next_lsn, 0)));
}

Test(relay_position, is_one_relays_at_a_time)
{
	struct relay other = relay;

	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	cr_assert(eq(int, relay_position_open(&other), -EBUSY));
	cr_assert(strstr(other.error.text, "another relay named 'one' runs") != NULL, "%s",
		  other.error.text);
	close(other.lock_fd);
	cr_assert(eq(int, relay_forget(&relay.options, &other.error), -EBUSY));
	snprintf(other.options.name, sizeof(other.options.name), "two");
	cr_assert(eq(int, relay_position_open(&other), 0), "%s", other.error.text);
	close(other.lock_fd);
}

Test(relay_position, refuses_one_that_is_damaged_or_of_another_journal)
{
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	relay.dir.journal_id = 8;
	cr_assert(eq(int, start(), -EINVAL));
	cr_assert(strstr(relay.error.text, "of another journal") != NULL, "%s", relay.error.text);
	relay.dir.journal_id = 7;
	relay.dir.shards = 3;
	cr_assert(eq(int, start(), -EINVAL));
	relay.dir.shards = 2;
	poke_file(temp_path("downstream-one"), 20, "#", 1);
	cr_assert(eq(int, start(), -EINVAL));
	cr_assert(strstr(relay.error.text, "damaged") != NULL, "%s", relay.error.text);
}

Test(relay_position, goes_when_it_is_to_be_forgotten)
{
	struct error error;

	cr_assert(eq(int, relay_forget(&relay.options, &error), -ENOENT));
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	close(relay.lock_fd);
	relay.lock_fd = -1;
	cr_assert(eq(int, relay_forget(&relay.options, &error), 0), "%s", error.text);
	cr_assert(not(path_exists(temp_path("downstream-one"))));
}

/* Something is downstream, and safe there. */
static void carry(void)
{
	lanes[0].safe = lanes[0].settling = (struct lane_mark){42, {1, 4096}, 4};
	relay_position_save(&relay, 0);
}

/* A position is of one downstream: another would move it, and prune what the first lacks. By what
 * address that is reached doesn't matter. */
Test(relay_position, is_of_one_downstream)
{
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	carry();
	relay.options.downstream.to = "tls://other:password@n2:4222,n1:4222";
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	cr_assert(eq(str, relay.position.address, "tls://n2:4222,n1:4222"));
	relay.options.downstream.format = FORMAT_JSON;
	cr_assert(eq(int, start(), -EINVAL));
	cr_assert(strstr(relay.error.text,
			 "serves 'nats doorbuster', reached last at tls://n2:4222,n1:4222, not "
			 "'nats doorbuster-json json'") != NULL,
		  "%s", relay.error.text);
	cr_assert(strstr(relay.error.text, "another --name") != NULL, "%s", relay.error.text);
	relay.options.downstream.format = FORMAT_BLOCK;
	relay.options.downstream.settings[0] = (struct downstream_setting){"stream", "gap"};
	relay.options.downstream.setting_cnt = 1;
	cr_assert(eq(int, start(), -EINVAL));
	relay.options.downstream.settings[0].key = "replicas";
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
}

/* A stream of the same name in another cluster is another downstream; so is one that was removed
 * and made anew. */
Test(relay_position, knows_its_streams_again)
{
	snprintf(downstream.who, sizeof(downstream.who), "made-2026-11-11T00:00:00Z");
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	for (int i = 0; i < 2; i++) {
		cr_assert(eq(int, start(), 0), "%s", relay.error.text);
		cr_assert(eq(str, relay.position.lane[0].who, downstream.who));
	}
	snprintf(downstream.who, sizeof(downstream.who), "made-2026-11-12T00:00:00Z");
	cr_assert(eq(int, start(), -EPROTO));
	cr_assert(strstr(relay.error.text, "another one (made-2026-11-12T00:00:00Z) than") != NULL,
		  "%s", relay.error.text);
	cr_assert(strstr(relay.error.text, "--forget --name one") != NULL, "%s", relay.error.text);
	/* Of the other lane nothing is known: it is met, and that is written with the next save. */
	cr_assert(eq(int, relay_position_meet(&relay, &lanes[1]), 0), "%s", relay.error.text);
	relay_position_save(&relay, 0);
	cr_assert(
		eq(int,
		   relay_position_open(&(struct relay){.options = relay.options, .dir = relay.dir}),
		   -EBUSY));
	cr_assert(eq(int, open_again(), 0), "%s", relay.error.text);
	cr_assert(eq(str, relay.position.lane[1].who, downstream.who));
	downstream.who[0] = '\0';
}

/* An older relay wrote the address that it was given, before it reached anything there. */
Test(relay_position, takes_over_what_older_relays_wrote)
{
	static struct cursor old;

	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	old = relay.position;
	old.address[0] = '\0';
	snprintf(old.to, sizeof(old.to), "kafka://never-reached:9092");
	cr_assert(eq(int, cursor_save(&old, relay.position_path, &relay.error), 0));
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	cr_assert(eq(str, relay.position.to, "nats doorbuster"));
	old.lane[0].mark = (struct lane_mark){42, {1, 4096}, 4};
	cr_assert(eq(int, cursor_save(&old, relay.position_path, &relay.error), 0));
	cr_assert(eq(int, start(), -EINVAL));
	snprintf(old.to, sizeof(old.to), "nats://n0:4222,n1:4222 stream=doorbuster");
	cr_assert(eq(int, cursor_save(&old, relay.position_path, &relay.error), 0));
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	cr_assert(eq(int, cursor_load(&old, relay.position_path, &relay.error), 0));
	cr_assert(all(eq(str, old.to, "nats doorbuster"), eq(str, old.address, "nats://n1:4222"),
		      eq(u64, old.lane[0].mark.next_lsn, 42)));
}

/* Until its downstream is reached, a start leaves nothing that keeps prune from segments. */
Test(relay_position, is_written_only_when_its_downstream_was_reached)
{
	cr_assert(eq(int, relay_position_open(&relay), 0), "%s", relay.error.text);
	relay_position_save(&relay, 0);
	cr_assert(not(path_exists(temp_path("downstream-one"))));
	cr_assert(eq(int, relay_position_meet(&relay, &lanes[0]), 0), "%s", relay.error.text);
	cr_assert(path_exists(temp_path("downstream-one")));
}

/* A full disk ends nothing: the old position stays until it can be written. */
Test(relay_position, may_be_unwritable_for_a_while)
{
	static struct cursor read;

	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	cr_assert(eq(int, mkdir(temp_path("downstream-one.new"), 0700), 0));
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	lanes[0].safe = lanes[0].settling = (struct lane_mark){42, {1, 4096}, 4};
	relay_position_save(&relay, 0);
	cr_assert(eq(int, rmdir(temp_path("downstream-one.new")), 0));
	relay_position_save(&relay, 0);
	cr_assert(eq(int, cursor_load(&read, temp_path("downstream-one"), &relay.error), 0));
	cr_assert(all(eq(u64, read.lane[0].mark.next_lsn, 42), eq(u64, read.run, 2)));
	/* But the first one must be there, or prune knows nothing of this relay. */
	relay.options.name[0] = 't';
	cr_assert(eq(int, mkdir(temp_path("downstream-tne.new"), 0700), 0));
	relay.positioned = false;
	cr_assert(eq(int, start(), -EISDIR));
}

/* What settles goes on to settle over the lives of a relay that never runs for long. */
Test(relay_position, keeps_what_settles)
{
	const uint64_t now_ns = 5000 * UINT64_C(1000000000);
	struct relay_lane next = {.lane = 0};

	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	lanes[0].safe = (struct lane_mark){42, {1, 4096}, 4};
	lanes[0].settling = (struct lane_mark){91, {1, 8192}, 9};
	lanes[0].settling_ns = now_ns - UINT64_C(200000000000);
	relay_position_save(&relay, now_ns);
	cr_assert(eq(int, start(), 0), "%s", relay.error.text);
	relay_position_load_lane(&relay, &next, now_ns);
	cr_assert(all(eq(u64, next.safe.next_lsn, 42), eq(u64, next.acked.mark.next_lsn, 42),
		      eq(u64, next.settling.next_lsn, 91), eq(u64, next.settling.checksum, 9)));
	cr_assert(le(u64, next.settling_ns, lanes[0].settling_ns));
	cr_assert(ge(u64, next.settling_ns, lanes[0].settling_ns - UINT64_C(100000000000)));
}
