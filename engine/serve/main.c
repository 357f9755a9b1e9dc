/*
 * doorbuster-serve: the server.
 */
#include <string.h>

#include "engine/base/log.h"
#include "engine/serve/guard.h"
#include "engine/serve/serve.h"

int main(int argc, char **argv)
{
	static struct serve_options options;

	if (argc == SERVE_GUARD_ARGS && strcmp(argv[1], "--put-back") == 0) {
		log_begin();
		return serve_guard_put_back(argv);
	}
	switch (serve_options_parse(&options, argc, argv)) {
	case SERVE_OPTIONS_OK:
		log_begin();
		return serve(&options);
	case SERVE_OPTIONS_HELP:
		return SERVE_EXIT_DRAINED;
	default:
		return SERVE_EXIT_REFUSED;
	}
}
