/*
 * commands: what the control thread asks of lanes and workers that run, and their answers. A lane's
 * command goes into the lane's ring (engine/lane/command.h), new keys into each worker's own ring.
 * Nothing here waits without bound: a late answer is reported, and taken when it comes.
 */
#include <errno.h>
#include <time.h>

#include <rte_launch.h>

#include "engine/base/log.h"
#include "engine/serve/state.h"

enum {
	/* A worker answers within a turn; it makes none while a system call holds it up. */
	KEYS_WAIT_MS = 2000,
	KEYS_LOOK_MS = 1,
};

/* Whether the lane's worker was launched. In a start that failed half-way some workers were not,
 * and their lanes answer nothing. */
static bool is_turned(const struct server *server, uint16_t lane_idx)
{
	return server->shared.owners[lane_idx] < atomic_load(&server->shared.running_cnt);
}

static void send_to_lanes(struct server *server, struct command command)
{
	for (uint16_t i = 0; i < server->options->shards; i++) {
		/* The ring keeps room for one of each kind. */
		if (is_turned(server, i))
			CHECK(post_send(&server->lane_posts[i], command));
	}
}

void serve_drain_lanes(struct server *server)
{
	atomic_store(&server->draining, true);
	send_to_lanes(server, (struct command){.verb = COMMAND_DRAIN});
}

void serve_give_up(struct server *server)
{
	if (server->gave_up)
		return;
	server->gave_up = true;
	fprintf(stderr, LOG_AS_WARNING "giving up on what the disk has not finished\n");
	send_to_lanes(server, (struct command){.verb = COMMAND_ABANDON, .error = ETIMEDOUT});
}

/* A failed lane answers with its error, which serve_watch_lanes reports. */
int serve_silent_lane(struct server *server)
{
	struct command_answer answer;
	int silent = -1;

	for (uint16_t i = 0; i < server->options->shards; i++) {
		struct post *post = &server->lane_posts[i];

		while (post_take(post, &answer))
			continue;
		/* A worker that has ended answers nothing more. */
		if (silent < 0 && post_waits(post) &&
		    rte_eal_get_lcore_state(server->shared.owners[i] + 1U) == RUNNING)
			silent = i;
	}
	return silent;
}

/* The first worker that has not answered; -1: all have. */
static int silent_worker(struct server *server)
{
	struct command_answer answer;
	int silent = -1;

	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		struct post *post = &server->worker_posts[i];

		while (post_take(post, &answer))
			CHECK(answer.rc == 0);
		if (silent < 0 && post_waits(post))
			silent = i;
	}
	return silent;
}

/* Every worker uses the new keys, so none looks at the old ones any more. */
static void say_in_force(struct server *server)
{
	keys_free(server->old_keys);
	server->old_keys = NULL;
	fprintf(stderr, "keys: %u loaded from %s, in force\n", server->keys->cnt,
		server->options->keys);
}

void serve_watch_keys(struct server *server)
{
	if (server->old_keys != NULL && silent_worker(server) < 0)
		say_in_force(server);
}

/* Sends the new ring to each worker. The old one stays until all have answered. */
static void use_keys(struct server *server, struct key_ring *fresh)
{
	const struct command command = {.verb = COMMAND_USE_KEYS, .keys = fresh};
	const struct timespec nap = {.tv_nsec = KEYS_LOOK_MS * 1000000};

	server->old_keys = server->keys;
	server->keys = fresh;
	for (uint16_t i = 0; i < server->options->core_cnt; i++)
		CHECK(post_send(&server->worker_posts[i], command));
	for (unsigned i = 0; i < KEYS_WAIT_MS / KEYS_LOOK_MS && silent_worker(server) >= 0; i++)
		nanosleep(&nap, NULL);
	if (silent_worker(server) < 0)
		say_in_force(server);
	else
		fprintf(stderr,
			LOG_AS_WARNING
			"keys: %u loaded from %s; worker %d has not taken them over within %d s: "
			"a system call holds it up. Until it does, it goes by the old ones; a "
			"line here says when they are in force\n",
			fresh->cnt, server->options->keys, silent_worker(server),
			KEYS_WAIT_MS / 1000);
}

void serve_reload_keys(struct server *server)
{
	struct key_ring *fresh = NULL;

	serve_watch_keys(server);
	if (server->old_keys != NULL) {
		fprintf(stderr,
			LOG_AS_WARNING
			"keys: not reloaded: worker %d has not taken over those of the last "
			"reload yet; send SIGHUP again when they are in force\n",
			silent_worker(server));
		return;
	}
	if (keys_load(server->options->keys, &fresh, &server->error) != 0) {
		fprintf(stderr, LOG_AS_WARNING "keys: not reloaded, the old ones stay: %s\n",
			server->error.text);
		return;
	}
	use_keys(server, fresh);
}
