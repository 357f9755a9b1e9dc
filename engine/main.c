/*
 * doorbuster-serve: the server.
 */
#include "engine/serve.h"

int main(int argc, char **argv)
{
	static struct serve_options options;

	switch (serve_options_parse(&options, argc, argv)) {
	case SERVE_OPTIONS_OK:
		return serve(&options);
	case SERVE_OPTIONS_HELP:
		return SERVE_EXIT_DRAINED;
	default:
		return SERVE_EXIT_REFUSED;
	}
}
