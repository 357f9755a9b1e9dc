/*
 * Ends holds as time passes.
 */
#include "engine/base/check.h"
#include "engine/sale/change.h"

enum {
	/* Offers looked at for one record: the first hold of an offer may have been confirmed
	 * since its timer was started. */
	OFFERS_LOOKS_MAX = 64,
};

bool shard_expire(struct shard *shard, uint64_t now_ns, uint32_t holds_max, struct record *record)
{
	struct holds *holds = &shard->holds;

	DCHECK(now_ns >= shard->last_at_ns && holds_max > 0);
	for (unsigned i = 0; i < OFFERS_LOOKS_MAX; i++) {
		struct offer *offer = holds_next_due(holds, &shard->offers, now_ns);
		struct hold_list *list;
		bool any;

		if (offer == NULL)
			return false;
		list = holds_first_list(holds, offer_terms_of(&shard->offers, offer));
		any = list != NULL && hold_has_ended(holds_first(holds, list), now_ns);
		if (any)
			expire_run(shard, offer, list, now_ns, holds_max, record);
		holds_arm(holds, &shard->offers, offer);
		if (any)
			return true;
	}
	return false;
}
