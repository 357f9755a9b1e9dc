#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "alloc/arena.h"
#include "engine/base/mix64.h"
#include "engine/sale/holds.h"

enum {
	HOLDS = 2000,
	/* So some have windows, and some do not. */
	WINDOWS_UP_TO = 3000,
	LSNS = 12000,
};

static struct arena *arena;
static struct offers offers;
static struct holds holds;
static uint32_t number_of[LSNS]; /* + 1; 0: no hold's */

static void set_up(void)
{
	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, offers_open(&offers, arena, 1), 0));
	cr_assert(eq(int, holds_open(&holds, arena, HOLDS, WINDOWS_UP_TO, &offers), 0));
}

static void tear_down(void)
{
	arena_close(arena);
}

TestSuite(holds, .init = set_up, .fini = tear_down);

/* A hold, or a bought order of which units come back at this LSN. */
static void add(uint64_t lsn, uint64_t bought_lsn)
{
	const uint64_t named = bought_lsn != 0 ? bought_lsn : lsn;
	struct hold *hold = bought_lsn == 0 && holds_have_window(&holds, lsn)
				    ? holds_add(&holds, lsn)
				    : holds_add_other(&holds, mix64(named));

	cr_assert(ne(ptr, hold, NULL));
	hold->order.lsn = named;
	number_of[named] = hold_number(&holds, hold) + 1;
}

static void check_all(void)
{
	for (uint64_t lsn = 0; lsn < LSNS; lsn++) {
		const struct hold *hold = holds_find(&holds, mix64(lsn), lsn);
		const uint32_t number = hold == NULL ? 0 : hold_number(&holds, hold) + 1;

		cr_assert(eq(u32, number, number_of[lsn]), "LSN %lu", lsn);
	}
}

/* Beside a plain array: holds, and among them orders that had been bought long before. */
static void add_all(void)
{
	uint64_t lsn = 0;

	for (uint64_t i = 0; i < HOLDS; i++) {
		uint64_t bought_lsn = 0;

		lsn += 1 + mix64(i) % (i % 400 < 200 ? 2 : 8);
		cr_assert(lt(u64, lsn, LSNS));
		if (mix64(~i) % 3 == 0)
			bought_lsn = mix64(i + HOLDS) % lsn;
		if (bought_lsn != 0 && number_of[bought_lsn] != 0)
			bought_lsn = 0;
		add(lsn, bought_lsn);
	}
	cr_assert(gt(u64, lsn, WINDOWS_UP_TO + 1000));
}

Test(holds, finds_each_by_its_lsn)
{
	add_all();
	check_all();
	cr_assert(eq(ptr, holds_add_other(&holds, 1), NULL), "full");
}

Test(holds, forgets_all_when_it_is_cleared)
{
	add_all();
	holds_clear(&holds, &offers);
	memset(number_of, 0, sizeof(number_of));
	check_all();
	add_all();
	check_all();
}
