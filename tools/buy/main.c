/*
 * doorbuster-buy: one purchase, hold, payment, return or lookup over an ordinary socket, retried
 * under one request id until it is answered or times out; or a basket; or all of a repair's report
 * again. A thin user of the client library.
 */
#include <stdio.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "tools/buy/again.h"
#include "tools/buy/basket.h"
#include "tools/buy/options.h"
#include "tools/buy/outcome.h"
#include "tools/buy/words.h"
#include "tools/common/cli.h"

static void keep_answer(void *context, const struct client_answer *answer)
{
	*(struct client_answer *)context = *answer;
}

static void say(void *context, const char *line)
{
	(void)context;
	cli_wrong("%s", line);
}

static int buy(const struct buy_options *options)
{
	struct client_answer answer = {0};
	struct client *client = NULL;
	struct error error;
	struct key key;

	if (!cli_key(options->keys, options->key_id, &key))
		return CLI_EXIT_FAILED;

	const struct client_options client_options = {
		.server = options->server,
		.key = &key,
		.timeout_ms = options->timeout_ms,
		.undated = options->undated,
		.say = say,
	};

	if (options->again != NULL)
		return again(options->again, &client_options);
	if (options->basket != NULL)
		return basket(options, &client_options);
	if (client_open(&client, &client_options, keep_answer, &answer, &error) != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	if (client_submit(client, &options->request) != 0 || client_drain(client) != 0) {
		/* With the request id, under which one can ask again, if there is one. */
		cli_wrong("%s: cannot be reached", options->server);
		if (client_pending(client) > 0 || answer.reply.verdict == VERDICT_NONE) {
			client_close(client);
			return CLI_EXIT_FAILED;
		}
	}
	client_close(client);
	if (options->json)
		words_print_json(stdout, NULL, &answer, options->numbers);
	else
		words_print(stdout, &options->request, &answer);
	return outcome_exit(&answer);
}

static int run(int argc, char **argv)
{
	struct buy_options options;

	if (sodium_init() < 0) {
		cli_wrong("libsodium does not start");
		return CLI_EXIT_FAILED;
	}
	switch (buy_options_parse(&options, argc, argv)) {
	case BUY_OPTIONS_HELP:
		return CLI_EXIT_GOOD;
	case BUY_OPTIONS_WRONG:
		return CLI_EXIT_FAILED;
	default:
		return buy(&options);
	}
}

int main(int argc, char **argv)
{
	cli_program("doorbuster-buy");
	return cli_end(run(argc, argv));
}
