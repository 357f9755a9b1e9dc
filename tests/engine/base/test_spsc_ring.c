#include "engine/base/spsc_ring.h"

#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum {
	SLOTS = 8,
};

struct message {
	uint64_t number;
	uint64_t word[2];
};

static struct spsc_ring *new_ring(uint32_t slots)
{
	const size_t bytes = spsc_ring_bytes(slots, sizeof(struct message));
	struct spsc_ring *ring = aligned_alloc(CACHE_LINE_BYTES, bytes);

	spsc_ring_init(ring, slots, sizeof(struct message));
	return ring;
}

Test(spsc_ring, is_empty_then_full_then_empty)
{
	struct spsc_ring *ring = new_ring(SLOTS);
	struct message message = {0};

	cr_assert(spsc_ring_first(ring) == NULL);
	cr_assert(not(spsc_ring_take(ring, &message)));
	cr_assert(spsc_ring_all_taken(ring));
	for (uint64_t i = 0; i < SLOTS; i++) {
		cr_assert(eq(u32, spsc_ring_room(ring), SLOTS - (uint32_t)i));
		message.number = i;
		cr_assert(spsc_ring_put(ring, &message));
	}
	cr_assert(eq(u32, spsc_ring_room(ring), 0));
	message.number = 99;
	cr_assert(not(spsc_ring_put(ring, &message)), "a full ring takes nothing");
	cr_assert(not(spsc_ring_all_taken(ring)));
	for (uint64_t i = 0; i < SLOTS; i++) {
		cr_assert(spsc_ring_take(ring, &message));
		cr_assert(eq(u64, message.number, i));
	}
	cr_assert(not(spsc_ring_take(ring, &message)));
	cr_assert(spsc_ring_all_taken(ring));
	free(ring);
}

Test(spsc_ring, shows_what_waits_and_leaves_it_there)
{
	struct spsc_ring *ring = new_ring(SLOTS);
	struct message message = {0};

	cr_assert(eq(u32, spsc_ring_waiting(ring), 0));
	/* Around the end of the slots. */
	for (uint64_t i = 0; i < SLOTS - 2; i++)
		cr_assert(spsc_ring_put(ring, &message) && spsc_ring_take(ring, &message));
	for (message.number = 0; message.number < 5; message.number++)
		cr_assert(spsc_ring_put(ring, &message));
	cr_assert(eq(u32, spsc_ring_waiting(ring), 5));
	for (uint32_t nth = 0; nth < 5; nth++)
		cr_assert(eq(u64, ((const struct message *)spsc_ring_at(ring, nth))->number, nth));
	cr_assert(spsc_ring_take(ring, &message));
	cr_assert(eq(u64, message.number, 0));
	cr_assert(eq(u32, spsc_ring_waiting(ring), 4));
	cr_assert(eq(u64, ((const struct message *)spsc_ring_at(ring, 3))->number, 4));
	free(ring);
}

Test(spsc_ring, keeps_order_past_the_end_of_its_positions)
{
	struct spsc_ring *ring = new_ring(SLOTS);
	uint64_t put = 0;
	uint64_t taken = 0;

	/* Free-running positions wrap at 2^32. */
	atomic_store(&ring->tail, UINT32_MAX - 2 * SLOTS);
	atomic_store(&ring->head, UINT32_MAX - 2 * SLOTS);
	ring->head_seen = ring->tail_seen = UINT32_MAX - 2 * SLOTS;
	for (unsigned i = 0; i < 1000; i++) {
		struct message message = {.number = put};
		const struct message *first;

		if (i * UINT64_C(2654435761) % 7 < 4)
			put += spsc_ring_put(ring, &message);
		first = spsc_ring_first(ring);
		if (first != NULL && i % 3 != 0) {
			cr_assert(eq(u64, first->number, taken++));
			spsc_ring_drop(ring);
		}
		cr_assert(put - taken <= SLOTS);
	}
	cr_assert(put > 300);
	free(ring);
}

Test(spsc_ring, does_not_give_a_slot_back_before_drop)
{
	struct spsc_ring *ring = new_ring(1);
	struct message message = {.number = 1};

	cr_assert(spsc_ring_put(ring, &message));
	cr_assert(spsc_ring_first(ring) != NULL);
	message.number = 2;
	cr_assert(not(spsc_ring_put(ring, &message)));
	cr_assert(eq(u64, ((struct message *)spsc_ring_first(ring))->number, 1));
	spsc_ring_drop(ring);
	cr_assert(spsc_ring_put(ring, &message));
	free(ring);
}
