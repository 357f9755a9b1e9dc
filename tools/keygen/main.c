/*
 * doorbuster-keygen: makes a key file, or adds a key to one; makes a key for pseudonyms.
 */
#include <getopt.h>
#include <stdio.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "tools/common/cli.h"

static const char help[] =
	"usage: doorbuster keygen FILE [--id N] [--append]\n"
	"       doorbuster keygen FILE --scrub\n"
	"\n"
	"Makes a key file (mode 0600) with a random 128-bit key for engine and gateways.\n"
	"\n"
	"  --id N     the key's id (default 1)\n"
	"  --append   add the key to a file that is there. To change keys without a\n"
	"             pause: append the new key, SIGHUP to the engine, move the gateways\n"
	"             over, remove the old line, SIGHUP again\n"
	"  --scrub    make the key that `doorbuster replay --scrub FILE` turns buyers\n"
	"             into pseudonyms with. It stays at home: whoever has it can turn\n"
	"             them back\n"
	"  --help     print this text\n";

static void print_done(const char *path, uint32_t id, bool scrub)
{
	if (scrub)
		printf("scrub key written to %s; keep it at home (replay --scrub %s): whoever has "
		       "it can turn pseudonyms back into buyers. It goes to no engine, no gateway "
		       "and not along with a capture\n",
		       path, path);
	else
		printf("key %u written to %s; hand it to engine (serve --keys) and gateways, to "
		       "nobody else\n",
		       id, path);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"id", required_argument, NULL, 'i'},
		{"append", no_argument, NULL, 'a'},
		{"scrub", no_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	uint32_t id = 1;
	bool append = false;
	bool has_id = false;
	bool scrub = false;
	struct error error;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			if (!cli_u32("--id", optarg, 0, UINT32_MAX, &id))
				return CLI_EXIT_FAILED;
			has_id = true;
			break;
		case 's':
			scrub = true;
			break;
		case 'a':
			append = true;
			break;
		case 'h':
			fputs(help, stdout);
			return CLI_EXIT_GOOD;
		default:
			return CLI_EXIT_FAILED;
		}
	}
	if (argc - optind != 1) {
		cli_wrong("name one FILE; see doorbuster keygen --help");
		return CLI_EXIT_FAILED;
	}
	if (scrub && (append || has_id)) {
		cli_wrong("--scrub: a scrub key is alone in its file, without --append and --id");
		return CLI_EXIT_FAILED;
	}
	if (sodium_init() < 0) {
		cli_wrong("libsodium does not start");
		return CLI_EXIT_FAILED;
	}
	if ((append ? keys_append : keys_generate)(argv[optind], id, &error) != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	print_done(argv[optind], id, scrub);
	return CLI_EXIT_GOOD;
}

int main(int argc, char **argv)
{
	cli_program("doorbuster-keygen");
	return cli_end(run(argc, argv));
}
