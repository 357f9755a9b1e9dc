#include "tools/buy/outcome.h"

#include "tools/common/cli.h"

int outcome_exit(const struct client_answer *answer)
{
	if (!answer->answered)
		return CLI_EXIT_FAILED;
	switch (answer->reply.verdict) {
	case VERDICT_NONE:
		return CLI_EXIT_BAD;
	case VERDICT_HOLD_EXPIRED:
		return BUY_EXIT_REFUND;
	case VERDICT_UNDER_WAY:
		return CLI_EXIT_FAILED;
	case VERDICT_TABLE_FULL:
	case VERDICT_DRAINING:
	case VERDICT_JOURNAL_FULL:
		return CLI_EXIT_BAD;
	default:
		/* UNAVAILABLE, and failures that this version doesn't know. */
		if (answer->reply.verdict >= VERDICT_FAILURE_FIRST)
			return CLI_EXIT_FAILED;
		return answer->reply.verdict < VERDICT_REFUSAL_FIRST ? CLI_EXIT_GOOD : CLI_EXIT_BAD;
	}
}
