#include "tools/buy/words.h"

#include <inttypes.h>
#include <time.h>

#include "tools/common/cli.h"

static void print_instant(FILE *out, const char *before, uint64_t instant_ns)
{
	const time_t seconds = (time_t)(instant_ns / 1000000000);
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, "%s%s.%03uZ", before, text, (unsigned)(instant_ns / 1000000 % 1000));
}

/* Order, units and price, and an instant that `before` says the meaning of. */
static void print_units(FILE *out, const struct wire_reply *reply, const char *before)
{
	fprintf(out, ": order %" PRIu64 ", %u at %" PRIu64, reply->order_id, reply->quantity,
		reply->unit_price);
	print_instant(out, before, reply->instant_ns);
}

static void print_durability(FILE *out, const struct wire_reply *reply)
{
	fprintf(out, ", %s", durability_name(reply->durability));
}

/* A whole basket: the units of all lines, whose prices differ. */
static void print_whole(FILE *out, const struct wire_reply *reply)
{
	fprintf(out, ": basket %" PRIu64 ", %u units in all", reply->order_id, reply->quantity);
	print_instant(out, ", ", reply->instant_ns);
	print_durability(out, reply);
}

/* What was carried out. A LOOKUP of what has no units any more says so. */
static void print_done(FILE *out, const struct wire_reply *reply, bool looked_up)
{
	switch (reply->verdict) {
	case VERDICT_HELD:
	case VERDICT_EXTENDED:
		print_units(out, reply, " until ");
		print_durability(out, reply);
		break;
	case VERDICT_ACCEPTED:
	case VERDICT_CONFIRMED:
	case VERDICT_CONFIRMED_LATE:
		print_units(out, reply, ", ");
		print_durability(out, reply);
		break;
	case VERDICT_RELEASED:
		if (looked_up) {
			fprintf(out, ": order %" PRIu64 ", nothing of it is held any more",
				reply->order_id);
			break;
		}
		print_units(out, reply, " for sale again, ");
		print_durability(out, reply);
		break;
	case VERDICT_RETURNED:
		if (looked_up) {
			fprintf(out, ": order %" PRIu64 ", nothing of it is sold any more",
				reply->order_id);
			break;
		}
		print_units(out, reply, " to pay back, ");
		print_durability(out, reply);
		break;
	default:
		break;
	}
}

/* What a refusal that has to do with a hold means. */
static void print_held(FILE *out, const struct wire_reply *reply)
{
	switch (reply->verdict) {
	case VERDICT_ALREADY_HELD:
		print_units(out, reply, " until ");
		fputs("; go on with that order", out);
		break;
	case VERDICT_HOLD_EXPIRED:
		fprintf(out, ": order %" PRIu64, reply->order_id);
		print_instant(out, " ended ", reply->instant_ns);
		fprintf(out, "; pay back %u at %" PRIu64 ", this answer is final", reply->quantity,
			reply->unit_price);
		break;
	case VERDICT_HOLD_ENDED:
		print_instant(out, " ", reply->instant_ns);
		fputs("; hold anew, or --confirm if it was paid: that sells what is still free",
		      out);
		break;
	case VERDICT_ALREADY_SOLD:
		fputs("; --lookup-order shows it, --return takes units back", out);
		break;
	case VERDICT_HOLD_RELEASED:
		fputs("; hold anew", out);
		break;
	case VERDICT_CANNOT_EXTEND:
		print_instant(out, ": it ends ", reply->instant_ns);
		fputs("; the offer allows no more, or it would not end later", out);
		break;
	case VERDICT_NO_HOLDS:
		fputs("; buy instead", out);
		break;
	case VERDICT_UNDER_WAY:
		fputs(" with the same --request-id: so far the outcome is unknown", out);
		break;
	default:
		break;
	}
}

static void print_refused(FILE *out, const struct wire_reply *reply)
{
	switch (reply->verdict) {
	case VERDICT_NOT_OPEN:
		print_instant(out, ": opens ", reply->instant_ns);
		break;
	case VERDICT_STALE:
		print_instant(out, ": it is ", reply->instant_ns);
		fputs(" there, and the date or the sale is another; ask anew", out);
		break;
	case VERDICT_CLOSED:
		print_instant(out, ": closed ", reply->instant_ns);
		break;
	case VERDICT_PRICE_TOO_HIGH:
		fprintf(out, ": it costs %" PRIu64, reply->unit_price);
		break;
	default:
		print_held(out, reply);
		break;
	}
}

static void print_silence(FILE *out, const struct client_answer *answer, const char *request_id)
{
	fprintf(out,
		"no answer after %u attempts: the outcome is unknown; ask again with "
		"--request-id %s",
		answer->attempts, request_id);
	if (answer->not_after_ns != 0)
		print_instant(out, "; what --lookup says is final from ", answer->not_after_ns);
	putc('\n', out);
}

static void print_verdict(FILE *out, const struct client_request *request,
			  const struct wire_reply *reply)
{
	const bool whole = (request->flags & WIRE_ENTRY_WHOLE_BASKET) != 0;

	fputs(verdict_text(reply->verdict), out);
	if (whole && reply->verdict < VERDICT_REFUSAL_FIRST)
		print_whole(out, reply);
	else if (whole && reply->verdict == VERDICT_HOLD_EXPIRED)
		fprintf(out,
			": basket %" PRIu64 "; pay back all of it, %u units, this answer is final",
			reply->order_id, reply->quantity);
	else if (reply->verdict < VERDICT_REFUSAL_FIRST)
		print_done(out, reply, request->op == WIRE_OP_LOOKUP);
	else
		print_refused(out, reply);
}

void words_print(FILE *out, const struct client_request *request,
		 const struct client_answer *answer)
{
	const struct wire_reply *reply = &answer->reply;
	const uint64_t id[2] = {reply->id[0], reply->id[1]};
	char request_id[33];

	cli_request_id_text(id, request_id);
	if (!answer->answered) {
		print_silence(out, answer, request_id);
		return;
	}
	print_verdict(out, request, reply);
	fprintf(out, " (%u left, %" PRIu64 " us, request id %s)", reply->stock_left,
		answer->latency_ns / 1000, request_id);
	if (answer->may_turn) {
		fputs("; a copy of the request had no answer and may still be carried out", out);
		if (answer->not_after_ns != 0)
			print_instant(out, ": what --lookup says is final from ",
				      answer->not_after_ns);
	}
	putc('\n', out);
}

void words_print_line(FILE *out, const struct client_request *request,
		      const struct client_answer *answer)
{
	fprintf(out, "SKU %" PRIu64 ": ", request->sku);
	words_print(out, request, answer);
}

/* By hand: no text here needs escaping, and jansson's integers end at 2^63 - 1. */
void words_print_json(FILE *out, const struct client_request *line,
		      const struct client_answer *answer, bool numbers)
{
	const struct wire_reply *reply = &answer->reply;
	const uint64_t id[2] = {reply->id[0], reply->id[1]};
	const char *q = numbers ? "" : "\"";
	char request_id[33];

	cli_request_id_text(id, request_id);
	putc('{', out);
	if (line != NULL)
		fprintf(out, "\"sku\":%s%" PRIu64 "%s,", q, line->sku, q);
	fprintf(out, "\"verdict\":\"%s\",\"request_id\":\"%s\",\"answered\":%s,\"may_turn\":%s,",
		verdict_name(reply->verdict), request_id, answer->answered ? "true" : "false",
		answer->may_turn ? "true" : "false");
	fprintf(out, "\"order_id\":%s%" PRIu64 "%s,\"unit_price\":%s%" PRIu64 "%s,", q,
		reply->order_id, q, q, reply->unit_price, q);
	fprintf(out, "\"instant_ns\":%s%" PRIu64 "%s,", q, reply->instant_ns, q);
	fprintf(out, "\"quantity\":%u,\"stock_left\":%u,\"durability\":\"%s\",", reply->quantity,
		reply->stock_left, durability_name(reply->durability));
	fprintf(out, "\"not_after_ns\":%s%" PRIu64 "%s,", q, answer->not_after_ns, q);
	fprintf(out, "\"attempts\":%u,\"round_trip_us\":%" PRIu64 "}\n", answer->attempts,
		answer->latency_ns / 1000);
}
