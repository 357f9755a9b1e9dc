/*
 * decision: a choice as a table of rows. A row says which values of each fact it allows; the
 * tables are made so that exactly one row allows any combination of values. Facts are found in
 * their order, and only while the rows that are left differ in a fact that is not found yet. So a
 * fact that the choice does not depend on is never looked for.
 *
 * Pure. Each value of a fact is a bit of its own.
 */
#ifndef DB_ENGINE_REPAIR_DECISION_H
#define DB_ENGINE_REPAIR_DECISION_H

#include <stdint.h>

enum {
	DECISION_FACTS_MAX = 8,
	ANY = 0xff, /* allows every value of a fact */
};

struct decision_row {
	uint8_t allows[DECISION_FACTS_MAX]; /* bits of values */
};

struct decision {
	const void *rows; /* structs that begin with a struct decision_row */
	uint32_t row_bytes;
	uint32_t row_cnt;
	uint32_t fact_cnt;
	uint8_t values[DECISION_FACTS_MAX]; /* all bits that each fact can have */
};

/* What is known; 0: not found yet. */
struct decision_facts {
	uint8_t values[DECISION_FACTS_MAX];
};

/* The next fact to find; decision->fact_cnt: one row is left. */
uint32_t decision_ask(const struct decision *decision, const struct decision_facts *facts);

/* Notes the value that was found of the fact that decision_ask gave. */
void decision_note(const struct decision *decision, struct decision_facts *facts, uint32_t fact,
		   uint8_t value);

/* The index of the one row that is left. Only when decision_ask needs no more facts. */
uint32_t decision_made(const struct decision *decision, const struct decision_facts *facts);

#endif
