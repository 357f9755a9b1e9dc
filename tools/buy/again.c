#include "tools/buy/again.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/place.h"
#include "net/wire.h"
#include "tools/buy/outcome.h"
#include "tools/buy/report_line.h"
#include "tools/common/cli.h"

/* A datagram's worth: requests of one shard travel and are decided in their order. */
struct batch {
	struct report_order orders[WIRE_ENTRY_CNT_MAX];
	struct client_answer answers[WIRE_ENTRY_CNT_MAX];
	uint64_t lines[WIRE_ENTRY_CNT_MAX];
	unsigned cnt;
};

struct again {
	const char *path;
	struct client *client;
	struct batch batch;
	uint64_t line;
	uint64_t sold;
	uint64_t refused;
	uint64_t other;
	bool unknown; /* the outcome of an order */
	struct error error;
};

static void keep_answer(void *context, const struct client_answer *answer)
{
	((struct again *)context)->batch.answers[answer->user] = *answer;
}

/* new_id NULL: it got none. */
static void print_order(const struct report_order *order, const uint64_t *new_id,
			const char *verdict)
{
	char request_id[33];

	cli_request_id_text(order->request.id, request_id);
	printf("%" PRIu64 ",", order->order_id);
	if (new_id != NULL)
		printf("%" PRIu64, *new_id);
	printf(",%s,%" PRIu64 ",%" PRIu64 ",%u,%" PRIu64 ",%s\n", request_id, order->request.buyer,
	       order->request.sku, order->request.quantity, order->unit_price, verdict);
}

/* Prints what became of an order, and counts it. */
static void take_answer(struct again *again, unsigned idx)
{
	const struct client_answer *answer = &again->batch.answers[idx];
	const struct wire_reply *reply = &answer->reply;
	const int outcome = outcome_exit(answer);

	print_order(&again->batch.orders[idx], outcome == CLI_EXIT_GOOD ? &reply->order_id : NULL,
		    outcome == CLI_EXIT_FAILED ? "UNKNOWN" : verdict_name(reply->verdict));
	again->sold += outcome == CLI_EXIT_GOOD;
	again->refused += outcome == CLI_EXIT_BAD;
	if (outcome != CLI_EXIT_FAILED || again->unknown)
		return;
	again->unknown = true;
	place_set(&again->error, again->path, again->batch.lines[idx], 0, "");
	error_add(&again->error,
		  "the outcome of this order is unknown; run the same again when the engine sells: "
		  "what is sold stays as it is");
}

/* Sends what was read and waits for every answer. 0 or -errno with a line. */
static int send_batch(struct again *again)
{
	struct batch *batch = &again->batch;

	for (unsigned i = 0; i < batch->cnt; i++) {
		batch->orders[i].request.user = i;
		batch->answers[i] = (struct client_answer){0};
		if (client_submit(again->client, &batch->orders[i].request) != 0)
			return error_say(&again->error, -EAGAIN, "the engine cannot be reached");
	}
	if (batch->cnt > 0 && client_drain(again->client) != 0)
		return error_say(&again->error, -EIO, "the engine cannot be reached");
	for (unsigned i = 0; i < batch->cnt; i++)
		take_answer(again, i);
	batch->cnt = 0;
	return again->unknown ? -ETIMEDOUT : 0;
}

static int take_line(struct again *again, const char *line)
{
	struct batch *batch = &again->batch;
	const struct report_order *order = &batch->orders[batch->cnt];

	again->line++;
	switch (report_line_read(line, &batch->orders[batch->cnt])) {
	case REPORT_WRONG:
		place_set(&again->error, again->path, again->line, 0, "");
		error_add(&again->error, "not a line of a report of `doorbuster journal repair`, "
					 "nor of `doorbuster journal dump --json`");
		return -EINVAL;
	case REPORT_OTHER:
		again->other++;
		return 0;
	case REPORT_ORDER:
		break;
	}
	/* The client would choose another id, and the same again would be sold twice. */
	if (order->request.id[0] == 0 && order->request.id[1] == 0) {
		print_order(order, NULL, "NO_REQUEST_ID");
		again->refused++;
		return 0;
	}
	batch->lines[batch->cnt++] = again->line;
	return batch->cnt == WIRE_ENTRY_CNT_MAX ? send_batch(again) : 0;
}

static int sell_file(struct again *again, FILE *file)
{
	char *line = NULL;
	size_t line_bytes = 0;
	int rc = 0;

	printf("old_order_id,order_id,request_id,buyer,sku,quantity,unit_price,verdict\n");
	while (rc == 0 && getline(&line, &line_bytes, file) >= 0)
		rc = take_line(again, line);
	free(line);
	if (rc == 0 && ferror(file))
		rc = error_say(&again->error, -EIO, "%s: cannot be read", again->path);
	/* What was read before a wrong line is sold, too: it is no part of the fault. */
	if (rc == 0 || rc == -EINVAL) {
		const struct error before = again->error;
		const int sent = send_batch(again);

		if (sent == 0)
			again->error = before;
		rc = sent != 0 ? sent : rc;
	}
	return rc;
}

int again(const char *path, const struct client_options *options)
{
	static struct again again;
	FILE *file = fopen(path, "re");
	int rc;

	again = (struct again){.path = path};
	if (file == NULL) {
		cli_wrong("--again %s: %s", path, strerror(errno));
		return CLI_EXIT_FAILED;
	}
	rc = client_open(&again.client, options, keep_answer, &again, &again.error);
	if (rc == 0)
		rc = sell_file(&again, file);
	client_close(again.client);
	fclose(file);
	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " orders are sold under their old request ids, %" PRIu64
		" were refused; %" PRIu64 " lines are no orders\n",
		again.sold, again.refused, again.other);
	if (rc != 0) {
		cli_wrong("%s", again.error.text);
		return CLI_EXIT_FAILED;
	}
	return again.refused > 0 ? CLI_EXIT_BAD : CLI_EXIT_GOOD;
}
