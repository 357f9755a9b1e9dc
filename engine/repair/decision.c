#include "engine/repair/decision.h"

#include <stdbool.h>

#include "engine/base/check.h"

static const struct decision_row *row_at(const struct decision *decision, uint32_t idx)
{
	CHECK(idx < decision->row_cnt);
	return (const struct decision_row *)((const uint8_t *)decision->rows +
					     (uint64_t)idx * decision->row_bytes);
}

static bool is_left(const struct decision *decision, const struct decision_row *row,
		    const struct decision_facts *facts)
{
	CHECK(decision->fact_cnt <= DECISION_FACTS_MAX);
	for (uint32_t i = 0; i < decision->fact_cnt; i++) {
		if (facts->values[i] != 0 && (row->allows[i] & facts->values[i]) == 0)
			return false;
	}
	return true;
}

/* Whether a row that is left allows only some values of this fact. */
static bool rests_on(const struct decision *decision, const struct decision_facts *facts,
		     uint32_t fact)
{
	const uint8_t all = decision->values[fact];

	CHECK(all != 0);
	for (uint32_t i = 0; i < decision->row_cnt; i++) {
		const struct decision_row *row = row_at(decision, i);

		if (is_left(decision, row, facts) && (row->allows[fact] & all) != all)
			return true;
	}
	return false;
}

uint32_t decision_ask(const struct decision *decision, const struct decision_facts *facts)
{
	uint32_t fact = 0;

	CHECK(decision->row_bytes >= sizeof(struct decision_row));
	while (fact < decision->fact_cnt &&
	       (facts->values[fact] != 0 || !rests_on(decision, facts, fact)))
		fact++;
	return fact;
}

void decision_note(const struct decision *decision, struct decision_facts *facts, uint32_t fact,
		   uint8_t value)
{
	CHECK(fact == decision_ask(decision, facts) && fact < decision->fact_cnt);
	CHECK(value != 0 && (value & (value - 1)) == 0 && (value & ~decision->values[fact]) == 0);
	facts->values[fact] = value;
}

uint32_t decision_made(const struct decision *decision, const struct decision_facts *facts)
{
	uint32_t left_cnt = 0;
	uint32_t made = 0;

	CHECK(decision_ask(decision, facts) == decision->fact_cnt);
	for (uint32_t i = 0; i < decision->row_cnt; i++) {
		if (!is_left(decision, row_at(decision, i), facts))
			continue;
		made = i;
		left_cnt++;
	}
	CHECK(left_cnt == 1);
	return made;
}
