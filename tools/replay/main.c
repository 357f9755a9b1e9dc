/*
 * doorbuster-replay: feeds captured traffic back in.
 */
#include <sodium.h>

#include "tools/common/cli.h"
#include "tools/replay/options.h"
#include "tools/replay/output.h"
#include "tools/replay/run_live.h"
#include "tools/replay/run_offline.h"
#include "tools/replay/run_write.h"

static int run(const struct replay_options *options)
{
	if (!outputs_spare_inputs(options))
		return CLI_EXIT_FAILED;
	return options->offline         ? run_offline(options)
	       : options->write != NULL ? run_write(options)
					: run_live(options);
}

static int parse_and_run(int argc, char **argv)
{
	struct replay_options options;
	int rc = CLI_EXIT_FAILED;

	if (sodium_init() < 0) {
		cli_wrong("libsodium does not start");
		return CLI_EXIT_FAILED;
	}
	switch (replay_options_parse(&options, argc, argv)) {
	case OPTIONS_HELP:
		rc = CLI_EXIT_GOOD;
		break;
	case OPTIONS_WRONG:
		break;
	default:
		rc = run(&options);
	}
	replay_options_free(&options);
	return rc;
}

int main(int argc, char **argv)
{
	cli_program("doorbuster-replay");
	return cli_end(parse_and_run(argc, argv));
}
