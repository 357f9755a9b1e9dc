/*
 * bench_append: the lane without a disk: ns a record to fill, commit and hand out in blocks, their
 * checksum included; writes end at once, in memory. bench_journal has the disk.
 * usage: bench_append [ROUNDS [RECORDS]]; defaults 9 rounds of 1,000,000.
 */
#include <stdio.h>

#include "bench/common.h"
#include "engine/base/check.h"
#include "engine/journal/journal.h"
#include "tests/support/memory_disk.h"

enum {
	BATCH_CNT = 256, /* records a turn */
};

static const uint64_t SEGMENT = 4 << 20;

static struct bench_case append = {.name = "append"};

static void append_batch(struct journal *journal, uint64_t n)
{
	for (unsigned i = 0; i < BATCH_CNT; i++) {
		*journal_slot(journal) = (struct record){
			.kind = RECORD_ORDER,
			.quantity = 1,
			.at_ns = 1,
			.order = {.request_id = {n + i, 1}, .buyer = n},
		};
		journal_commit(journal);
	}
	journal_pump(journal, 1);
}

/* As many records as a few segments hold, in one block for each turn. */
static uint64_t run(uint64_t cnt)
{
	struct memory_disk *disk = memory_disk_open(7, 0, SEGMENT, 16);
	const struct lane_tail tail = empty_tail();
	struct journal *journal = memory_disk_journal(disk, &tail);
	uint64_t done = 0;

	while (done < cnt && journal_room(journal) >= BATCH_CNT) {
		bench_begin(&append);
		append_batch(journal, done);
		bench_end(&append, BATCH_CNT);
		done += BATCH_CNT;
		memory_disk_complete_all(disk, journal);
	}
	journal_pump(journal, 1);
	memory_disk_complete_all(disk, journal);
	journal_close(journal);
	memory_disk_close(disk);
	return done;
}

int main(int argc, char **argv)
{
	const uint64_t rounds = bench_argument(argc, argv, 1, 9);
	const uint64_t cnt = bench_argument(argc, argv, 2, 1000000);

	CHECK(rounds <= BENCH_ROUNDS_MAX);
	for (uint64_t i = 0; i < rounds; i++) {
		for (uint64_t done = 0; done < cnt;)
			done += run(cnt - done);
		bench_round(&append);
	}
	bench_print_title("journal");
	bench_print(&append);
	return 0;
}
