#include "tools/load/run_prepared.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "tools/common/ask_engine.h"
#include "tools/load/arrivals.h"

/* One datagram for each instant. Datagrams without an instant are not sent, but every instant must
 * be used. */
static int recorded_instants(const struct load_options *options, struct prepared *prepared,
			     struct error *error)
{
	if (prepared->datagram_cnt < options->instant_cnt) {
		return error_say(
			error, -EINVAL,
			"--arrivals recorded:%s: %u instants, but the requests fill only %u "
			"datagrams; raise --requests, or leave it out",
			options->recorded, options->instant_cnt, prepared->datagram_cnt);
	}
	prepared->datagram_cnt = options->instant_cnt;
	return 0;
}

/* Those that no file gave; *due_ns stays NULL for a closed loop. */
static int make_instants(const struct load_options *options, struct prepared *prepared,
			 uint64_t **due_ns, struct error *error)
{
	struct arrivals_profile profile = options->profile;

	if (profile.rate <= 0)
		return 0;
	/* Of datagrams; requests of one are due together. Echo counts datagrams anyway. */
	if (options->kind != SCENARIO_ECHO)
		profile.rate *= (double)prepared->datagram_cnt / (double)prepared->request_cnt;
	*due_ns = malloc(prepared->datagram_cnt * sizeof(**due_ns));
	if (*due_ns == NULL)
		return error_say(error, -ENOMEM, "no memory for the instants; lower --requests");
	if (options->arrivals == ARRIVALS_POISSON)
		arrivals_poisson(&profile, options->seed, *due_ns, prepared->datagram_cnt);
	else
		arrivals_constant(&profile, *due_ns, prepared->datagram_cnt);
	return 0;
}

/* Datagrams that are dated now must still be good when the last one leaves. */
static int check_life(const struct prepared *prepared, const uint64_t *due_ns,
		      const struct engine_told *engine, struct error *error)
{
	const uint64_t life_ns = WIRE_VALID_MS_MAX * UINT64_C(1000000);
	const uint64_t age_ns = clock_now_ns() - engine->clock.local_ns;

	if (prepared->date_bytes == 0 || due_ns == NULL ||
	    age_ns + due_ns[prepared->datagram_cnt - 1] < life_ns)
		return 0;
	return error_say(
		error, -EINVAL,
		"prepared datagrams are good for %d s from when they are dated, and the last is "
		"due after that; fewer --requests, a higher --rate, or --undated where the engine "
		"accepts that",
		WIRE_VALID_MS_MAX / 1000);
}

/* Datagrams that are made beforehand stay as they are; the engine would drop their fragments. */
static int check_length(struct client_transport *transport, const struct prepared *prepared,
			struct error *error)
{
	const uint32_t path_bytes =
		transport->path_bytes != NULL ? transport->path_bytes(transport) : 0;
	const bool dated = prepared->date_bytes > 0;

	for (uint32_t i = 0; path_bytes != 0 && i < prepared->datagram_cnt; i++) {
		if (prepared_len(prepared, i) > path_bytes)
			return error_say(error, -EMSGSIZE,
					 "the path to the engine carries datagrams of at most "
					 "%u bytes; prepared ones are not split: give --fill %u",
					 path_bytes, wire_entries_within(path_bytes, dated));
	}
	return 0;
}

static int send_prepared(const struct load_options *options, struct client_transport *transport,
			 const struct key *key, const struct engine_told *engine,
			 struct prepared *prepared, struct tally *tally, struct prepared_run *run,
			 struct error *error)
{
	struct volley_options volley = {
		.transport = transport,
		.prepared = prepared,
		.key = key,
		.in_flight = options->in_flight,
		.patience_ns = options->timeout_ms * UINT64_C(1000000),
		.window_ns = options->window_ms * UINT64_C(1000000),
	};
	uint64_t *due_ns = NULL;
	const bool recorded = options->arrivals == ARRIVALS_RECORDED;
	int rc = recorded ? recorded_instants(options, prepared, error)
			  : make_instants(options, prepared, &due_ns, error);

	if (rc == 0) {
		volley.due_ns = recorded ? options->instants_ns : due_ns;
		rc = check_life(prepared, volley.due_ns, engine, error);
	}
	if (rc == 0 && key != NULL)
		rc = check_length(transport, prepared, error);
	if (rc == 0) {
		rc = volley_run(&run->volley, &volley, tally);
		if (rc == -EMSGSIZE)
			error_set(error,
				  "%s: the path carries no datagrams of this length; prepared ones "
				  "are not split: give a smaller --fill",
				  options->server);
		else if (rc != 0)
			error_set(error, "%s: %s", options->server, strerror(-rc));
	}
	run->datagrams = prepared->datagram_cnt;
	free(due_ns);
	return rc;
}

int run_prepared(const struct load_options *options, struct scenario *scenario,
		 struct client_transport *transport, const struct key *key, struct tally *tally,
		 struct prepared_run *run, struct error *error)
{
	struct prepared prepared = {0};
	struct engine_told engine = {.shards = 1};
	int rc = 0;

	if (key != NULL)
		rc = ask_engine(transport, options->server, key, 0, &engine, error);
	if (rc < 0)
		return rc;
	if (options->undated)
		engine.sale = 0;
	scenario->dated = engine.sale != 0;

	const struct prepared_options prepared_options = {
		.scenario = scenario,
		.key = key,
		.shards = engine.shards,
		.sale = engine.sale,
		.issued_at_ns = engine.clock.engine_ns,
		.fill = (uint8_t)options->fill,
		.worker_idx = options->worker_idx,
		.worker_cnt = options->worker_cnt,
	};

	if (scenario->kind == SCENARIO_MIXED)
		tally->mixed = mixed_check_open(scenario, prepared_options.shards);
	if ((scenario->kind == SCENARIO_MIXED && tally->mixed == NULL) ||
	    !prepared_open(&prepared, &prepared_options)) {
		rc = error_say(error, -ENOMEM, "no memory for the datagrams; lower --requests");
	} else {
		rc = send_prepared(options, transport, key, &engine, &prepared, tally, run, error);
	}
	if (rc == 0 && tally->mixed != NULL)
		tally->contradictions += mixed_check_finish(tally->mixed, &run->undetermined);
	tally->unanswered = run->volley.requests_lost + run->volley.requests_refused;
	prepared_close(&prepared);
	mixed_check_close(tally->mixed);
	tally->mixed = NULL;
	return rc;
}
