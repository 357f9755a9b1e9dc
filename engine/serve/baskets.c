/*
 * The start's step that ends what several shards were deciding.
 */
#include <inttypes.h>
#include <stdio.h>

#include "engine/lane/resolve.h"
#include "engine/sale/prepare.h"
#include "engine/serve/start_turn.h"
#include "engine/serve/state.h"

/* Resolves the lines of a worker's lanes. What is sold later rests on it: it is durable first. */
static int resolve(struct server *server, uint16_t worker_idx, struct resolved *resolved)
{
	struct start_turn *start = start_turn_open(server, worker_idx, "baskets");
	bool done;
	int rc;

	do {
		rc = start_turn(start);
		done = true;
		FOR_EACH_LANE (&start->turn, lane)
			done &= resolve_prepared(lane, server->shared.lanes,
						 server->options->shards, resolved);
	} while (rc == 0 && !(done && lane_turn_all_done(&start->turn)));
	return rc;
}

int serve_baskets_up(struct server *server)
{
	struct resolved resolved = {0};
	bool any = false;
	int rc = 0;

	for (uint16_t i = 0; i < server->options->shards; i++)
		any |= prepare_next(server->shared.lanes[i].shard, 0) < PREPARED_MAX;
	for (uint16_t i = 0; any && rc == 0 && i < server->options->core_cnt; i++)
		rc = resolve(server, i, &resolved);
	if (any && rc == 0)
		fprintf(stderr,
			"baskets over several shards that were being decided: %" PRIu64
			" lines were committed, %" PRIu64 " were not\n",
			resolved.committed, resolved.aborted);
	return rc;
}
