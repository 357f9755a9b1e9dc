#include "tools/buy/outcome.h"

#include "tools/common/cli.h"

int outcome_exit(const struct client_answer *answer)
{
	if (!answer->answered)
		return CLI_EXIT_FAILED;
	switch (answer->reply.verdict) {
	case VERDICT_ACCEPTED:
		return CLI_EXIT_GOOD;
	case VERDICT_TABLE_FULL:
	case VERDICT_DRAINING:
	case VERDICT_JOURNAL_FULL:
		return CLI_EXIT_BAD;
	default:
		/* UNAVAILABLE, and failures that this version doesn't know. */
		return answer->reply.verdict >= VERDICT_FAILURE_FIRST ? CLI_EXIT_FAILED
								      : CLI_EXIT_BAD;
	}
}
