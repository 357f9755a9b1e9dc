/*
 * run_holds: drives the scenario `holds` through the client library, until every buyer has ended
 * and every hold has, and then asks whether all units that came back are free.
 */
#ifndef DB_TOOLS_LOAD_RUN_HOLDS_H
#define DB_TOOLS_LOAD_RUN_HOLDS_H

#include "net/client.h"
#include "tools/load/drive.h"
#include "tools/load/holds.h"
#include "tools/load/options.h"
#include "tools/load/tally.h"

struct run_holds;

/* NULL: no memory. The tally gets the verdicts, the latencies, and what contradicts. */
struct run_holds *run_holds_open(const struct load_options *options,
				 const struct scenario *scenario, struct tally *tally);
void run_holds_close(struct run_holds *run);

/* A client_answer_fn; context is the run. */
void run_holds_answer(void *run, const struct client_answer *answer);

/* Ends early at drive_stop. 0 or -errno of the transport. */
int run_holds_drive(struct run_holds *run, struct client *client, struct drive_result *result);

const struct holds_figures *run_holds_figures(const struct run_holds *run);

/* Whether nothing is stranded: every hold ended once, and what came back is free. */
bool run_holds_good(const struct run_holds *run);

#endif
