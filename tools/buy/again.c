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
#include "tools/buy/order_ids.h"
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
	struct order_ids ids; /* of what was sold or held again */
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
	again->refused += outcome == CLI_EXIT_BAD || outcome == BUY_EXIT_REFUND;
	if (outcome != CLI_EXIT_FAILED || again->unknown)
		return;
	again->unknown = true;
	place_set(&again->error, again->path, again->batch.lines[idx], 0, "");
	error_add(&again->error,
		  "the outcome of this order is unknown; run the same again when the engine sells: "
		  "what is sold stays as it is");
}

static bool is_change(const struct report_order *order)
{
	return order->request.op != WIRE_OP_BUY && order->request.op != WIRE_OP_HOLD;
}

/* For the changes that follow. */
static bool keep_id(struct again *again, unsigned idx)
{
	const struct report_order *order = &again->batch.orders[idx];
	const struct client_answer *answer = &again->batch.answers[idx];

	return is_change(order) ||
	       order_ids_add(&again->ids, order->order_id,
			     outcome_exit(answer) == CLI_EXIT_GOOD ? answer->reply.order_id : 0);
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
	for (unsigned i = 0; i < batch->cnt; i++) {
		take_answer(again, i);
		if (!keep_id(again, i))
			return error_say(&again->error, -ENOMEM, "no memory for the order ids");
	}
	batch->cnt = 0;
	return again->unknown ? -ETIMEDOUT : 0;
}

/* It got no answer, because it was not asked. */
static void pass_over(struct again *again, const struct report_order *order, const char *verdict)
{
	print_order(order, NULL, verdict);
	again->refused++;
}

/* Whether the order that a change is about waits in the batch for its new id. */
static bool waits_for_id(const struct batch *batch, uint64_t old_id)
{
	for (unsigned i = 0; i < batch->cnt; i++) {
		if (!is_change(&batch->orders[i]) && batch->orders[i].order_id == old_id)
			return true;
	}
	return false;
}

/* The last of the batch is a change: names the order that it is about as it is named now. True: it
 * can be asked. An order that is not in the file was not cut off, and has its id still. */
static bool name_order(struct again *again, struct report_order *change)
{
	uint64_t new_id = change->order_id;

	if (change->refund) {
		pass_over(again, change, "REFUNDED_BEFORE");
		return false;
	}
	if (order_ids_find(&again->ids, change->order_id, &new_id) && new_id == 0) {
		pass_over(again, change, "ORDER_REFUSED");
		return false;
	}
	change->request.price_or_order = new_id;
	return true;
}

/* The last of the batch was read. */
static int take_request(struct again *again)
{
	struct batch *batch = &again->batch;
	struct report_order read = batch->orders[batch->cnt];
	int rc;

	/* The client would choose another id, and the same again would be sold twice. */
	if (read.request.id[0] == 0 && read.request.id[1] == 0) {
		pass_over(again, &read, "NO_REQUEST_ID");
		return 0;
	}
	if (is_change(&read)) {
		rc = waits_for_id(batch, read.order_id) ? send_batch(again) : 0;
		if (rc != 0 || !name_order(again, &read))
			return rc;
	}
	batch->orders[batch->cnt] = read;
	batch->lines[batch->cnt++] = again->line;
	return batch->cnt == WIRE_ENTRY_CNT_MAX ? send_batch(again) : 0;
}

static int take_line(struct again *again, const char *line)
{
	again->line++;
	switch (report_line_read(line, &again->batch.orders[again->batch.cnt])) {
	case REPORT_WRONG:
		place_set(&again->error, again->path, again->line, 0, "");
		error_add(&again->error, "not a line of a report of `doorbuster journal repair`, "
					 "nor of `doorbuster journal dump --json`");
		return -EINVAL;
	case REPORT_OTHER:
		again->other++;
		return 0;
	default:
		return take_request(again);
	}
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
	order_ids_free(&again.ids);
	fclose(file);
	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " requests are carried out under their old ids, %" PRIu64
		" were refused; %" PRIu64 " lines are no requests\n",
		again.sold, again.refused, again.other);
	if (rc != 0) {
		cli_wrong("%s", again.error.text);
		return CLI_EXIT_FAILED;
	}
	return again.refused > 0 ? CLI_EXIT_BAD : CLI_EXIT_GOOD;
}
