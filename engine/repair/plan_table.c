#include "engine/repair/plan_table.h"

#include <assert.h>

#include "engine/base/check.h"

static_assert((int)PLAN_FACT_CNT <= (int)DECISION_FACTS_MAX, "each fact has its place");
static_assert((int)CHECKPOINT_FACT_CNT <= (int)DECISION_FACTS_MAX, "each fact has its place");

enum {
	NOT_GONE = OWN_NOTHING | OWN_SHORT,
	CUT_OK = CUT_AT_END | CUT_AFTER,
	CKPT_NO_GOOD = CKPT_NONE | CKPT_BAD,
	BASE_KEPT = BASE_WHOLE | BASE_FOLLOWED,
};

/* clang-format off */
static const struct plan_row plan_rows[] = {
	/* The lane's blocks alone are enough, or the lane begins anew. */
	/* CHECKPOINTS OWN          FIRST         CUT        BASE       BEFORE      HISTORY */
	{{{ANY,        OWN_REACHES, ANY,          CUT_OK,    ANY,       ANY,        ANY}},
	 PLAN_BEGINS_ITSELF, false, false},
	{{{CKPT_NONE,  OWN_NOTHING, ANY,          CUT_OK,    ANY,       ANY,        ANY}},
	 PLAN_BEGINS_ITSELF, false, false},

	/* Nothing is left to begin with. */
	{{{CKPT_BAD,   OWN_GONE,    ANY,          ANY,       ANY,       ANY,        ANY}},
	 PLAN_REFUSES_GONE, false, false},
	{{{CKPT_BAD,   OWN_NOTHING, ANY,          ANY,       ANY,       ANY,        ANY}},
	 PLAN_REFUSES_FIRST_BLOCK, false, false},

	/* LSNs that a good checkpoint has are never given again. */
	{{{CKPT_GOOD,  ANY,         ANY,          CUT_EARLY, ANY,       ANY,        ANY}},
	 PLAN_REFUSES_CUT, false, false},

	/* The checkpoint would replace blocks that say something else. */
	{{{CKPT_GOOD,  NOT_GONE,    ANY,          CUT_OK,    ANY,       ANY,        HISTORY_OTHER}},
	 PLAN_REFUSES_HISTORY, false, false},

	/* A checkpoint has what the blocks lost; what is left before it is damaged. */
	{{{CKPT_GOOD,  NOT_GONE,    FIRST_OLDER,  CUT_OK,    BASE_KEPT, ANY,        HISTORY_SAME}},
	 PLAN_BEGINS_OLDER, false, true},
	{{{CKPT_GOOD,  NOT_GONE,    FIRST_OLDER,  CUT_OK,    BASE_LOST, ANY,        HISTORY_SAME}},
	 PLAN_BEGINS_OLDER, true, true},
	{{{CKPT_GOOD,  NOT_GONE,    FIRST_NEWEST, CUT_OK,    BASE_KEPT, ANY,        HISTORY_SAME}},
	 PLAN_BEGINS_NEWEST, false, true},
	{{{CKPT_GOOD,  NOT_GONE,    FIRST_NEWEST, CUT_OK,    BASE_LOST, ANY,        HISTORY_SAME}},
	 PLAN_BEGINS_NEWEST, true, true},

	/* A pruned lane begins after a checkpoint in any case. What is before is removed if it is
	 * damaged. */
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_OLDER,  CUT_OK,    BASE_KEPT, BEFORE_OK,  ANY}},
	 PLAN_BEGINS_OLDER, false, false},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_OLDER,  CUT_OK,    BASE_KEPT, BEFORE_BAD, ANY}},
	 PLAN_BEGINS_OLDER, false, true},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_OLDER,  CUT_OK,    BASE_LOST, BEFORE_OK,  ANY}},
	 PLAN_BEGINS_OLDER, true, false},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_OLDER,  CUT_OK,    BASE_LOST, BEFORE_BAD, ANY}},
	 PLAN_BEGINS_OLDER, true, true},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_NEWEST, CUT_OK,    BASE_KEPT, BEFORE_OK,  ANY}},
	 PLAN_BEGINS_NEWEST, false, false},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_NEWEST, CUT_OK,    BASE_KEPT, BEFORE_BAD, ANY}},
	 PLAN_BEGINS_NEWEST, false, true},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_NEWEST, CUT_OK,    BASE_LOST, BEFORE_OK,  ANY}},
	 PLAN_BEGINS_NEWEST, true, false},
	{{{CKPT_GOOD,  OWN_GONE,    FIRST_NEWEST, CUT_OK,    BASE_LOST, BEFORE_BAD, ANY}},
	 PLAN_BEGINS_NEWEST, true, true},

	/* A lane without a checkpoint is always read from its own beginning. */
	{{{CKPT_NONE,  OWN_GONE,    ANY,          ANY,       ANY,       ANY,        ANY}},
	 PLAN_CANNOT_BE, false, false},
	/* Without a good checkpoint no lane ends before it, and no cut is too early. */
	{{{CKPT_NO_GOOD, OWN_SHORT,   ANY,          ANY,       ANY,       ANY,        ANY}},
	 PLAN_CANNOT_BE, false, false},
	{{{CKPT_NO_GOOD, OWN_REACHES, ANY,          CUT_EARLY, ANY,       ANY,        ANY}},
	 PLAN_CANNOT_BE, false, false},
	{{{CKPT_NONE,  OWN_NOTHING, ANY,          CUT_EARLY, ANY,       ANY,        ANY}},
	 PLAN_CANNOT_BE, false, false},
};

static const struct checkpoint_row checkpoint_rows[] = {
	/* STATE          AGE         SEGMENT        FIT */
	{{{STATE_UNKNOWN, ANY,        ANY,           ANY}},         FATE_ASIDE_BAD, false},
	{{{STATE_DAMAGED, ANY,        ANY,           ANY}},         FATE_ASIDE_BAD, true},
	/* The segment of an older one may be gone: a prune took it. */
	{{{STATE_GOOD,    AGE_BEFORE, SEGMENT_GONE,  ANY}},         FATE_STAYS, false},
	{{{STATE_GOOD,    AGE_BEFORE, SEGMENT_THERE, ANY}},         FATE_ASIDE_CUT_OFF, false},
	{{{STATE_GOOD,    AGE_WITHIN, ANY,           FIT_FOLLOWS}}, FATE_STAYS, false},
	{{{STATE_GOOD,    AGE_WITHIN, ANY,           FIT_BLOCKS}},  FATE_ASIDE_OTHER_BLOCK, false},
	{{{STATE_GOOD,    AGE_WITHIN, ANY,           FIT_RECORDS}}, FATE_REFUSES_HISTORY, false},
};
/* clang-format on */

const struct decision plan_decision = {
	.rows = plan_rows,
	.row_bytes = sizeof(plan_rows[0]),
	.row_cnt = sizeof(plan_rows) / sizeof(plan_rows[0]),
	.fact_cnt = PLAN_FACT_CNT,
	.values = {[FACT_CHECKPOINTS] = 0x7,
		   [FACT_OWN] = 0xf,
		   [FACT_FIRST] = 0x3,
		   [FACT_CUT] = 0x7,
		   [FACT_BASE] = 0x7,
		   [FACT_BEFORE] = 0x3,
		   [FACT_HISTORY] = 0x3},
};

const struct decision checkpoint_decision = {
	.rows = checkpoint_rows,
	.row_bytes = sizeof(checkpoint_rows[0]),
	.row_cnt = sizeof(checkpoint_rows) / sizeof(checkpoint_rows[0]),
	.fact_cnt = CHECKPOINT_FACT_CNT,
	.values = {[FACT_STATE] = 0x7, [FACT_AGE] = 0x3, [FACT_SEGMENT] = 0x3, [FACT_FIT] = 0x7},
};

const struct plan_row *plan_row(const struct decision_facts *facts)
{
	const struct plan_row *row = &plan_rows[decision_made(&plan_decision, facts)];
	const bool begins_after =
		row->verdict == PLAN_BEGINS_OLDER || row->verdict == PLAN_BEGINS_NEWEST;

	CHECK(row->verdict != PLAN_CANNOT_BE);
	/* Only a lane that begins after a checkpoint needs to anchor or to trim. */
	CHECK(begins_after || (!row->anchors && !row->trims));
	CHECK(!begins_after || row->anchors == (facts->values[FACT_BASE] == BASE_LOST));
	CHECK(!begins_after || facts->values[FACT_CUT] != CUT_EARLY);
	return row;
}

const struct checkpoint_row *checkpoint_row(const struct decision_facts *facts)
{
	const struct checkpoint_row *row =
		&checkpoint_rows[decision_made(&checkpoint_decision, facts)];

	CHECK((row->fate == FATE_ASIDE_BAD) == (facts->values[FACT_STATE] != STATE_GOOD));
	CHECK(!row->says_durable || facts->values[FACT_STATE] == STATE_DAMAGED);
	return row;
}
