/*
 * model_check: a shard beside its model: every answer, every record, every state. What differs is
 * said in words.
 */
#ifndef DB_TESTS_ENGINE_SALE_MODEL_CHECK_H
#define DB_TESTS_ENGINE_SALE_MODEL_CHECK_H

#include <stdbool.h>

#include "engine/sale/decide.h"
#include "engine/sale/shard.h"
#include "tests/engine/sale/model.h"

struct difference {
	char text[4096]; /* empty: none */
};

/* Each returns false and fills *difference if something differs. */

/* An answer of the engine, given by this shard, whose model was asked the same. may_be_full:
 * without room the engine may say JOURNAL_FULL where it has to write first that holds ended. */
bool model_check_answer(const struct shard *shard, const struct model *model,
			const struct wire_request *request, const struct model_answer *want,
			const struct decision *got, const struct record *record, bool may_be_full,
			struct difference *difference);

/* Offers, bought orders, holds, changes, sums. Nobody has a hold that has run out by now but the
 * model, which has ended it (model_end_due). */
bool model_check_state(const struct shard *shard, const struct model *model,
		       struct difference *difference);

/* "What differs: WANT, not GOT" for numbers; true if they are the same. */
bool model_same(struct difference *difference, const char *what, uint64_t want, uint64_t got);

#endif
