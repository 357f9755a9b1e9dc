#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/port_watch.h"

static const uint64_t START_NS = 5000000000;
static const uint64_t LOOK_NS = 100000000;

struct queue {
	struct queue_watch watch;
	struct queue_counters now;
	uint64_t now_ns;
};

/* One that got something just now, and lost something long ago. */
static struct queue queue_that_hears(void)
{
	struct queue queue = {
		.now = {.frames = 10, .reads = 1000, .lost = 7, .starved = 3, .nic_missed = 90},
		.now_ns = START_NS,
	};

	cr_assert(queue_watch_look(&queue.watch, &queue.now, queue.now_ns) == QUEUE_HEARS);
	return queue;
}

/* The next look: since the last one so many frames came, were lost, and the queue was read. */
static enum queue_verdict look(struct queue *queue, uint64_t frames, uint64_t lost, uint64_t reads)
{
	queue->now_ns += LOOK_NS;
	queue->now.frames += frames;
	queue->now.lost += lost;
	queue->now.reads += reads;
	return queue_watch_look(&queue->watch, &queue->now, queue->now_ns);
}

/* Looks while all is lost, until it is deaf: how many it took; 0: more than `most`. */
static unsigned looks_to_deaf(struct queue *queue, unsigned most)
{
	for (unsigned i = 1; i <= most; i++) {
		if (look(queue, 0, 5, 100) == QUEUE_DEAF)
			return i;
	}
	return 0;
}

static void reopen(struct queue *queue)
{
	queue_watch_reopened(&queue->watch, &queue->now, queue->now_ns);
}

Test(port_watch, what_is_lost_while_nothing_comes_is_deafness_after_a_second)
{
	struct queue queue = queue_that_hears();

	cr_assert(eq(uint, looks_to_deaf(&queue, 100), 1 + QUEUE_DEAF_AFTER_NS / LOOK_NS));
	cr_assert(eq(u64, queue.watch.since_ns, START_NS + LOOK_NS));
	cr_assert(eq(u64, queue.watch.lost, 5 * (1 + QUEUE_DEAF_AFTER_NS / LOOK_NS)));
}

Test(port_watch, one_that_is_asked_nothing_is_not_deaf)
{
	struct queue queue = queue_that_hears();

	for (unsigned i = 0; i < 100; i++)
		cr_assert(look(&queue, 0, 0, 100) != QUEUE_DEAF);
}

Test(port_watch, one_that_loses_much_and_gets_something_is_not_deaf)
{
	struct queue queue = queue_that_hears();

	for (unsigned i = 0; i < 100; i++)
		cr_assert(look(&queue, i % 5 == 0, 1000, 100) != QUEUE_DEAF);
}

Test(port_watch, one_that_got_something_is_given_a_second_again)
{
	struct queue queue = queue_that_hears();

	for (unsigned i = 0; i < 10; i++)
		cr_assert(look(&queue, 0, 5, 100) == QUEUE_SAME);
	cr_assert(look(&queue, 1, 5, 100) == QUEUE_HEARS);
	cr_assert(eq(uint, looks_to_deaf(&queue, 100), 1 + QUEUE_DEAF_AFTER_NS / LOOK_NS));
}

Test(port_watch, what_was_lost_once_is_no_deafness)
{
	struct queue queue = queue_that_hears();

	cr_assert(look(&queue, 0, 2000, 100) == QUEUE_SAME);
	for (unsigned i = 0; i < 100; i++)
		cr_assert(look(&queue, 0, 0, 100) != QUEUE_DEAF);
}

Test(port_watch, who_does_not_read_is_not_deaf)
{
	struct queue queue = queue_that_hears();

	for (unsigned i = 0; i < 100; i++)
		cr_assert(look(&queue, 0, 5, 0) == QUEUE_SAME);
	/* One poll may have begun before the loss. */
	cr_assert(look(&queue, 0, 5, QUEUE_READS_MIN - 1) == QUEUE_SAME);
	cr_assert(look(&queue, 0, 5, 1) == QUEUE_DEAF);
}

Test(port_watch, who_holds_the_buffers_is_not_deaf)
{
	struct queue queue = queue_that_hears();

	queue.now.buffers_wait = true;
	for (unsigned i = 0; i < 100; i++)
		cr_assert(look(&queue, 0, 5, 100) == QUEUE_SAME);
	/* Nor is he at once when he has given them back: what was lost then does not count. */
	queue.now.buffers_wait = false;
	for (unsigned i = 0; i < 100; i++)
		cr_assert(look(&queue, 0, 0, 100) != QUEUE_DEAF);
	cr_assert(eq(uint, looks_to_deaf(&queue, 100), 1 + QUEUE_DEAF_AFTER_NS / LOOK_NS));
}

Test(port_watch, what_the_card_missed_counts_only_where_it_found_no_buffer)
{
	struct queue queue = queue_that_hears();

	/* Frames of others. */
	for (unsigned i = 0; i < 100; i++) {
		queue.now.nic_missed += 10;
		cr_assert(look(&queue, 0, 0, 100) != QUEUE_DEAF);
	}
	queue.now.starved++;
	cr_assert(look(&queue, 0, 0, 100) == QUEUE_SAME);
	for (unsigned i = 0; i < QUEUE_DEAF_AFTER_NS / LOOK_NS; i++) {
		queue.now.nic_missed += 10;
		cr_assert(eq(int, look(&queue, 0, 0, 100) == QUEUE_DEAF,
			     i + 1 == QUEUE_DEAF_AFTER_NS / LOOK_NS));
	}
}

Test(port_watch, what_the_card_missed_while_it_heard_does_not_count)
{
	struct queue queue = queue_that_hears();

	queue.now.nic_missed += 50;
	cr_assert(look(&queue, 1, 0, 100) == QUEUE_HEARS);
	queue.now.starved++;
	cr_assert(look(&queue, 0, 0, 100) == QUEUE_HEARS);
	cr_assert(eq(u64, queue.watch.since_ns, 0));
}

Test(port_watch, one_that_was_never_opened_anew_need_not_wait_for_that)
{
	struct queue queue = {.now_ns = 1};

	cr_assert(eq(uint, looks_to_deaf(&queue, 100), 1 + QUEUE_DEAF_AFTER_NS / LOOK_NS));
}

Test(port_watch, one_that_was_opened_anew_is_given_two_seconds)
{
	struct queue queue = queue_that_hears();

	cr_assert(looks_to_deaf(&queue, 100) > 0);
	reopen(&queue);
	cr_assert(eq(uint, looks_to_deaf(&queue, 100), QUEUE_TRY_AGAIN_NS / LOOK_NS));
	/* Asked until then, it was deaf all the while: the next try is due at once. */
	cr_assert(look(&queue, 0, 5, 100) == QUEUE_DEAF);
}

Test(port_watch, one_that_was_opened_anew_hears_when_it_gets_something)
{
	struct queue queue = queue_that_hears();

	cr_assert(looks_to_deaf(&queue, 100) > 0);
	reopen(&queue);
	cr_assert(look(&queue, 0, 0, 100) == QUEUE_SAME);
	cr_assert(look(&queue, 1, 0, 100) == QUEUE_HEARS);
}

Test(port_watch, one_that_was_opened_anew_hears_when_it_lost_nothing_for_long)
{
	struct queue queue = queue_that_hears();
	unsigned looks = 1;

	cr_assert(looks_to_deaf(&queue, 100) > 0);
	reopen(&queue);
	while (looks < 100 && look(&queue, 0, 0, 100) == QUEUE_SAME)
		looks++;
	cr_assert(eq(uint, looks, 1 + QUEUE_TRY_AGAIN_NS / LOOK_NS));
}

Test(port_watch, one_that_could_not_be_opened_is_tried_every_two_seconds)
{
	struct queue queue = queue_that_hears();

	cr_assert(looks_to_deaf(&queue, 100) > 0);
	queue.now.closed = true;
	for (unsigned tries = 0; tries < 3; tries++) {
		reopen(&queue);
		for (unsigned i = 1; i < QUEUE_TRY_AGAIN_NS / LOOK_NS; i++)
			cr_assert(look(&queue, 0, 0, 0) == QUEUE_SAME);
		cr_assert(look(&queue, 0, 0, 0) == QUEUE_DEAF);
	}
}
