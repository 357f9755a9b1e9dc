/*
 * command: the rings from the control thread to a lane, and back for the answers. What an operator
 * does to a sale is a command. Today they are sent at the start (offers), at the end (drain,
 * abandon) and for new keys. The lane carries a command out between two batches (carry_out.h). If
 * it changes the sale, it is a record like an order, and is answered when that record is durable.
 * Each worker has such rings of its own, too, for what belongs to no lane: the keys.
 *
 * Guarantees: commands are carried out once, in the order they were sent; each gets one answer, in
 * the same order, and never before its record is on disk, also with --ack memory. There is always
 * room for one DRAIN and one ABANDON, and neither waits for the journal. Never: locks; makes a turn
 * carry out more than COMMANDS_PER_TURN_MAX of them.
 *
 * Two threads and no third: the control thread sends commands and takes answers, the worker carries
 * out. At most COMMANDS_MAX commands are out, which means that their answers were not taken yet. So
 * there is always room for an answer.
 */
#ifndef DB_ENGINE_LANE_COMMAND_H
#define DB_ENGINE_LANE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "engine/base/spsc_ring.h"
#include "engine/sale/record.h"

struct key_ring;

enum command_verb {
	/* record: the OFFER, or the PLACED that says which shard sells a SKU of this one's number;
	 * the lane gives it its instant */
	COMMAND_PUT_ON_SALE = 1,
	COMMAND_DRAIN,    /* decide nothing new from now on */
	COMMAND_ABANDON,  /* give up what the disk has not finished, as if it had failed */
	COMMAND_USE_KEYS, /* of a worker: admit by these keys from now on */
	COMMAND_VERB_END,
};

struct command {
	uint64_t number; /* the sender's, returned with the answer */
	uint32_t verb;
	int32_t error; /* ABANDON: the errno that the lane's failure gets, > 0 */
	union {
		struct record record;        /* PUT_ON_SALE */
		const struct key_ring *keys; /* USE_KEYS: the sender keeps them while in use */
	};
};

struct command_answer {
	uint64_t number;
	uint64_t lsn; /* of its record; 0: it made none */
	/*
	 * 0: carried out, and durable. -EEXIST: the SKU is on sale, or placed there, already.
	 * -ENOSPC: the tables are full. -EAGAIN: the journal is full, and no segment can be made.
	 * -ESHUTDOWN: the lane drains, or was to end while this waited for room. -EBADMSG: the
	 * record is not one of this lane. Other -errno: the lane's write failed, so the outcome is
	 * what recovery finds; a DRAIN was carried out all the same.
	 */
	int32_t rc;
};

/* Carried out, and not yet answered. */
struct done_command {
	uint64_t number;
	uint64_t lsn;
	int32_t rc;
};

/* For command.c and what is inline here. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): each thread's on lines of its own */
struct commands {
	struct spsc_ring *questions;
	struct spsc_ring *answers;
	uint64_t out_cnt; /* control thread: sent, and the answer not taken yet */
	/* Worker. Counts since the start; done[] is a ring by them. */
	uint64_t answered_cnt __attribute__((aligned(CACHE_LINE_BYTES)));
	uint64_t done_cnt;
	uint64_t looked_cnt; /* looked at by commands_end_follows */
	uint64_t end_cnt;    /* commands up to the latest DRAIN or ABANDON among these */
	struct done_command done[COMMANDS_MAX];
};

/* Bytes of the rings of both directions; their memory must be aligned to CACHE_LINE_BYTES. */
size_t commands_bytes(void);

/* Lays them out, empty, in memory of commands_bytes. Before either thread uses it. */
struct commands *commands_init(void *memory);

/* The same on the heap, for commands_close, which allows NULL. 0 or -ENOMEM. */
int commands_open(struct commands **out);
void commands_close(struct commands *commands);

/* Control thread: how many offers can be sent now. */
uint32_t commands_room(const struct commands *commands);

/* Control thread. False: there is no room, take answers first. */
bool commands_send(struct commands *commands, const struct command *command);

/* Control thread: the next answer, in the order of the commands. False: none has come. */
bool commands_answer(struct commands *commands, struct command_answer *answer);

/* Worker: whether there is a command to carry out or to answer. What the control thread sends at
 * this moment may be seen a turn later. */
static inline bool commands_any(const struct commands *commands)
{
	return atomic_load_explicit(&commands->questions->tail, memory_order_relaxed) !=
	       (uint32_t)commands->answered_cnt;
}

/* Worker: the oldest command not yet carried out, the worker's until commands_done; or NULL. */
const struct command *commands_first(struct commands *commands);

/* Worker: whether a DRAIN or an ABANDON was sent and is not carried out. Each call looks at up to
 * COMMANDS_PER_TURN_MAX further commands; none is looked at twice. */
bool commands_end_follows(struct commands *commands);

/*
 * Worker: what commands_first returned was carried out, with this outcome. The answer waits until
 * `lsn` is acknowledged: its record, or if it was refused, the last record that the refusal rests
 * on. 0: it rests on no record.
 */
void commands_done(struct commands *commands, int rc, uint64_t lsn);

/*
 * Worker: sends the answers that rest on records up to acknowledged_lsn. error: errno of the lane's
 * failed write, with which all other commands that were carried out are answered; 0: none failed.
 */
void commands_release(struct commands *commands, uint64_t acknowledged_lsn, int error);

/* Worker: whether an answer waits for its record. */
bool commands_wait(const struct commands *commands);

#endif
