#include "tools/buy/basket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "tools/buy/basket_file.h"
#include "tools/buy/outcome.h"
#include "tools/buy/words.h"
#include "tools/common/cli.h"

struct basket {
	uint32_t cnt;
	uint32_t answered; /* lines that got their callback */
	struct client_request lines[WIRE_ENTRY_CNT_MAX];
	struct client_answer answers[WIRE_ENTRY_CNT_MAX];
};

static void keep_answer(void *context, const struct client_answer *answer)
{
	struct basket *basket = context;

	/* client_open asks, too. */
	if (basket->cnt == 0)
		return;
	basket->answers[answer->user] = *answer;
	basket->answered++;
}

/* The options' request says op, buyer, channel and id. */
static void make_lines(struct basket *basket, const struct basket_file *file,
		       const struct client_request *said)
{
	uint64_t id[2] = {said->id[0], said->id[1]};

	if ((id[0] | id[1]) == 0)
		randombytes_buf(id, sizeof(id));
	for (uint32_t i = 0; i < file->cnt; i++) {
		const struct basket_line *line = &file->lines[i];
		struct client_request *request = &basket->lines[i];

		*request = client_ask_for((enum wire_op)said->op, line->sku, said->buyer,
					  line->quantity, line->max_price);
		memcpy(request->id, id, sizeof(id));
		request->channel = said->channel;
		request->user = i;
	}
	basket->cnt = file->cnt;
}

/* All lines to the engine, and their answers. False, with a complaint: not all have one. */
static bool ask(struct basket *basket, struct client *client, const struct buy_options *options)
{
	const int rc = client_submit_basket(client, basket->lines, basket->cnt,
					    options->what_there_is ? CLIENT_WHAT_THERE_IS
								   : CLIENT_ALL_OR_NOTHING);

	if (rc == -EMSGSIZE)
		return cli_wrong("%s: the path there carries baskets of at most %u lines, this one "
				 "has %u",
				 options->server, client_basket_max(client), basket->cnt);
	/* With the request id, under which one can ask again, if there are answers. */
	if (rc != 0 || client_drain(client) != 0)
		(void)cli_wrong("%s: cannot be reached", options->server);
	return basket->answered == basket->cnt;
}

static int print(const struct basket *basket, const struct buy_options *options)
{
	int rc = CLI_EXIT_GOOD;

	for (uint32_t i = 0; i < basket->cnt; i++) {
		const struct client_answer *answer = &basket->answers[i];
		const int outcome = outcome_exit(answer);

		if (options->json)
			words_print_json(stdout, &basket->lines[i], answer, options->numbers);
		else
			words_print_line(stdout, &basket->lines[i], answer);
		if (rc != CLI_EXIT_FAILED && outcome != CLI_EXIT_GOOD)
			rc = outcome;
	}
	return rc;
}

int basket(const struct buy_options *options, const struct client_options *client_options)
{
	struct basket basket = {0};
	struct client *client = NULL;
	struct basket_file file;
	struct error error;
	int rc = CLI_EXIT_FAILED;

	if (basket_file_read(options->basket, stderr, &file, &error) != 0 ||
	    client_open(&client, client_options, keep_answer, &basket, &error) != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	make_lines(&basket, &file, &options->request);
	if (ask(&basket, client, options))
		rc = print(&basket, options);
	client_close(client);
	return rc;
}
