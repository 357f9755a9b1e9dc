/*
 * command: the road from the control thread to a lane, and the answers back. What an operator does
 * to a sale is a command; the lane carries it out between two requests, as a record like an order,
 * and answers when that record is durable.
 *
 * Guarantees: commands are carried out once, in the order they were sent; each gets one answer, in
 * the same order, and never before its record is on disk. Never: locks; makes a turn do more than
 * COMMANDS_PER_TURN_MAX of them.
 *
 * Two threads: the control thread sends and takes answers, the lane's worker carries out. A third
 * may do neither. At most COMMANDS_MAX commands are without an answer that was taken: so there is
 * always room for an answer.
 */
#ifndef DB_ENGINE_LANE_COMMAND_H
#define DB_ENGINE_LANE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "engine/sale/record.h"

enum command_verb {
	COMMAND_PUT_ON_SALE = 1, /* record: the OFFER; its instant is the lane's to give */
	COMMAND_DRAIN,           /* decide nothing new from now on */
	COMMAND_ABANDON,         /* give up what the disk has not finished, as if it had failed */
};

struct command {
	uint64_t number; /* the sender's, returned with the answer */
	uint32_t verb;
	int32_t error; /* ABANDON: the errno that the lane's failure gets */
	struct record record;
};

struct command_answer {
	uint64_t number;
	uint64_t lsn; /* of its record; 0: it left none */
	/*
	 * 0: carried out, and durable. -EEXIST: the SKU is on sale already. -ENOSPC: the tables are
	 * full. -ESHUTDOWN: the lane drains. -EBADMSG: the record cannot follow from the state.
	 * Other -errno: the lane's write failed, so the outcome is what recovery finds.
	 */
	int32_t rc;
};

struct commands;

/* Both rings of a lane. 0 or -ENOMEM. Start-up thread. */
int commands_open(struct commands **out);
void commands_close(struct commands *commands);

/* Control thread: how many commands can be sent now. */
uint32_t commands_room(const struct commands *commands);

/* Control thread. False: COMMANDS_MAX are out, take answers first. */
bool commands_send(struct commands *commands, const struct command *command);

/* Control thread: the next answer, in the order of the commands. False: none has come. */
bool commands_answer(struct commands *commands, struct command_answer *answer);

/* Worker: the oldest command not yet carried out, the worker's until commands_done; or NULL. */
const struct command *commands_first(struct commands *commands);

/*
 * Worker: what commands_first returned was carried out, with this outcome. The answer waits until
 * `lsn` is acknowledged; 0: it rests on no record.
 */
void commands_done(struct commands *commands, int rc, uint64_t lsn);

/*
 * Worker: sends the answers that rest on records up to acknowledged_lsn. error: errno of the lane's
 * failed write, or 0; then those beyond it are answered with it, too.
 */
void commands_release(struct commands *commands, uint64_t acknowledged_lsn, int error);

/* Worker: whether an answer waits for its record. */
bool commands_wait(const struct commands *commands);

#endif
