/*
 * post: the sender's end of a ring of commands (engine/lane/command.h). Numbers what is sent, and
 * checks that each command is answered once, in order. Control thread only; without DPDK.
 */
#ifndef DB_ENGINE_SERVE_POST_H
#define DB_ENGINE_SERVE_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/lane/command.h"

/* All zero except the ring: nothing was sent. */
struct post {
	struct commands *commands; /* NULL: nobody takes commands */
	uint64_t sent;             /* number of the latest command, from 1 on */
	uint64_t answered;         /* of the latest answer */
};

/* Sends a copy under the next number. False: there is no room. */
static inline bool post_send(struct post *post, struct command command)
{
	command.number = post->sent + 1;
	if (!commands_send(post->commands, &command))
		return false;
	post->sent++;
	return true;
}

/* The next answer. False: none has come. */
static inline bool post_take(struct post *post, struct command_answer *answer)
{
	if (!commands_answer(post->commands, answer))
		return false;
	CHECK(answer->number == post->answered + 1 && answer->number <= post->sent);
	post->answered++;
	return true;
}

/* Whether a command has no answer yet. */
static inline bool post_waits(const struct post *post)
{
	return post->answered != post->sent;
}

#endif
