/*
 * drive: sends a scenario's requests, open loop by schedule or as fast as answers come.
 */
#ifndef DB_TOOLS_LOAD_DRIVE_H
#define DB_TOOLS_LOAD_DRIVE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/load/options.h"
#include "tools/load/scenario.h"
#include "tools/load/tally.h"

/* Set by the handler of SIGINT and SIGTERM: send no more, and end. */
extern volatile sig_atomic_t drive_stop;

struct drive_result {
	uint64_t submitted;
	uint64_t came_back; /* of them, asked again when their offer opened */
	uint64_t elapsed_ns;
	bool stopped;
};

/*
 * Ends when every request is answered, and nobody waits in the tally for an opening any more. While
 * nothing else is to be done, a line on stderr says what the run waits for. 0 or -errno of the
 * transport.
 */
int drive_sale(struct client *client, const struct scenario *scenario, uint64_t rate,
	       const struct tally *tally, struct drive_result *result);

#endif
