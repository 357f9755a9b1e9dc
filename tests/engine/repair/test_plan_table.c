/* Every combination of facts has exactly one row, and every row has a combination. */
#include <signal.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/repair/plan_table.h"

enum {
	ROWS_MAX = 64,
};

static uint8_t lowest(uint8_t bits)
{
	return bits & (uint8_t)-bits;
}

/* The next combination of values, the last fact fastest; false after the last. */
static bool next(const struct decision *decision, struct decision_facts *facts)
{
	for (uint32_t i = decision->fact_cnt; i > 0; i--) {
		const uint8_t all = decision->values[i - 1];
		uint8_t *value = &facts->values[i - 1];

		*value = (uint8_t)(*value << 1);
		if ((*value & all) != 0)
			return true;
		*value = lowest(all);
	}
	return false;
}

static struct decision_facts first(const struct decision *decision)
{
	struct decision_facts facts = {0};

	for (uint32_t i = 0; i < decision->fact_cnt; i++)
		facts.values[i] = lowest(decision->values[i]);
	return facts;
}

static const struct decision_row *row_at(const struct decision *decision, uint32_t idx)
{
	return (const struct decision_row *)((const uint8_t *)decision->rows +
					     (size_t)idx * decision->row_bytes);
}

static bool allows(const struct decision *decision, uint32_t idx,
		   const struct decision_facts *facts)
{
	for (uint32_t i = 0; i < decision->fact_cnt; i++) {
		if ((row_at(decision, idx)->allows[i] & facts->values[i]) == 0)
			return false;
	}
	return true;
}

/* Asking for facts one by one, as a repair does, finds the same row as knowing all. */
static uint32_t asked_row(const struct decision *decision, const struct decision_facts *all)
{
	struct decision_facts known = {0};
	uint32_t fact;

	while ((fact = decision_ask(decision, &known)) < decision->fact_cnt)
		decision_note(decision, &known, fact, all->values[fact]);
	return decision_made(decision, &known);
}

static void check_complete(const struct decision *decision, unsigned want_combinations)
{
	struct decision_facts facts = first(decision);
	bool reached[ROWS_MAX] = {false};
	unsigned combinations = 0;

	cr_assert(le(u32, decision->row_cnt, ROWS_MAX));
	do {
		uint32_t matches = 0;

		for (uint32_t i = 0; i < decision->row_cnt; i++) {
			if (!allows(decision, i, &facts))
				continue;
			matches++;
			reached[i] = true;
			cr_assert(eq(u32, asked_row(decision, &facts), i));
		}
		cr_assert(eq(u32, matches, 1), "combination %u has %u rows", combinations, matches);
		combinations++;
	} while (next(decision, &facts));
	cr_assert(eq(uint, combinations, want_combinations));
	for (uint32_t i = 0; i < decision->row_cnt; i++)
		cr_assert(reached[i], "row %u is never reached", i);
}

Test(plan_table, each_lane_has_exactly_one_row)
{
	check_complete(&plan_decision, 3 * 4 * 2 * 3 * 3 * 2 * 2);
}

Test(plan_table, each_checkpoint_has_exactly_one_row)
{
	check_complete(&checkpoint_decision, 3 * 2 * 2 * 3);
}

/* The facts that exclude each other: those of a lane without a good checkpoint. */
static bool can_be(const struct decision_facts *facts)
{
	const uint8_t checkpoints = facts->values[FACT_CHECKPOINTS];
	const uint8_t own = facts->values[FACT_OWN];
	const bool refused = checkpoints == CKPT_BAD && (own == OWN_GONE || own == OWN_NOTHING);

	if (checkpoints == CKPT_GOOD || refused)
		return true;
	return own != OWN_GONE && own != OWN_SHORT && facts->values[FACT_CUT] != CUT_EARLY;
}

/* Checks what each row promises, by rules that do not use the table. */
static void check_outcome(const struct decision_facts *facts, const struct plan_row *row)
{
	const uint8_t own = facts->values[FACT_OWN];
	const bool good = facts->values[FACT_CHECKPOINTS] == CKPT_GOOD;
	const bool after = row->verdict == PLAN_BEGINS_OLDER || row->verdict == PLAN_BEGINS_NEWEST;

	/* Records that a good checkpoint has are kept: by blocks that reach as far, or by the
	 * checkpoint. */
	if (good && facts->values[FACT_CUT] == CUT_EARLY)
		cr_assert(eq(int, row->verdict, PLAN_REFUSES_CUT));
	else if (good && own != OWN_REACHES)
		cr_assert(after || row->verdict == PLAN_REFUSES_HISTORY);
	/* Blocks that are removed have been compared with the checkpoint that takes their place. */
	if (after && own != OWN_GONE)
		cr_assert(eq(int, facts->values[FACT_HISTORY], HISTORY_SAME));
	if (row->verdict == PLAN_BEGINS_ITSELF)
		cr_assert(own == OWN_REACHES || facts->values[FACT_CHECKPOINTS] == CKPT_NONE);
	if (row->verdict == PLAN_BEGINS_OLDER)
		cr_assert(eq(int, facts->values[FACT_FIRST], FIRST_OLDER));
	if (row->verdict == PLAN_BEGINS_NEWEST)
		cr_assert(eq(int, facts->values[FACT_FIRST], FIRST_NEWEST));
	cr_assert(eq(int, row->anchors, after && facts->values[FACT_BASE] == BASE_LOST));
	/* Blocks before the new beginning that are left would be read again and found damaged. */
	cr_assert(eq(int, row->trims,
		     after && (own != OWN_GONE || facts->values[FACT_BEFORE] == BEFORE_BAD)));
}

Test(plan_table, each_row_keeps_its_promise)
{
	const struct plan_row *rows = plan_decision.rows;
	struct decision_facts facts = first(&plan_decision);

	do {
		const struct plan_row *row = &rows[asked_row(&plan_decision, &facts)];

		cr_assert(eq(int, row->verdict != PLAN_CANNOT_BE, can_be(&facts)));
		if (row->verdict == PLAN_CANNOT_BE)
			continue;
		check_outcome(&facts, row);
		cr_assert(eq(ptr, (void *)plan_row(&facts), (void *)row));
	} while (next(&plan_decision, &facts));
}

Test(plan_table, each_checkpoint_has_its_fate)
{
	struct decision_facts facts = first(&checkpoint_decision);

	do {
		const struct checkpoint_row *row = checkpoint_row(&facts);
		const uint8_t state = facts.values[FACT_STATE];
		const bool within = facts.values[FACT_AGE] == AGE_WITHIN;
		const uint8_t fit = facts.values[FACT_FIT];

		cr_assert(eq(int, row->says_durable, state == STATE_DAMAGED));
		if (state != STATE_GOOD)
			cr_assert(eq(int, row->fate, FATE_ASIDE_BAD));
		else if (within && fit == FIT_RECORDS)
			cr_assert(eq(int, row->fate, FATE_REFUSES_HISTORY));
		else if (within && fit == FIT_BLOCKS)
			cr_assert(eq(int, row->fate, FATE_ASIDE_OTHER_BLOCK));
		else if (!within && facts.values[FACT_SEGMENT] == SEGMENT_THERE)
			cr_assert(eq(int, row->fate, FATE_ASIDE_CUT_OFF));
		else
			cr_assert(eq(int, row->fate, FATE_STAYS));
	} while (next(&checkpoint_decision, &facts));
}

Test(plan_table, facts_that_exclude_each_other_end_the_process, .signal = SIGABRT)
{
	const struct decision_facts facts = {.values = {CKPT_NONE, OWN_GONE, FIRST_OLDER,
							CUT_AT_END, BASE_WHOLE, BEFORE_OK,
							HISTORY_SAME}};

	(void)plan_row(&facts);
}
