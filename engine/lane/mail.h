/*
 * mail: what lanes say to each other about baskets over several shards. A mail is a cache line. The
 * lane in which a basket begins (coordinator.c) asks, the lanes that have its other lines
 * (participant.c) answer each question, with no more mails than were allowed for when it was sent:
 * so no ring between two workers is ever full (MAIL_CREDITS_MAX).
 */
#ifndef DB_ENGINE_LANE_MAIL_H
#define DB_ENGINE_LANE_MAIL_H

#include <assert.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "engine/sale/decide.h"
#include "net/wire.h"

enum {
	MAIL_BYTES = CACHE_LINE_BYTES,
	MAIL_TEXT_BYTES = MAIL_BYTES - 8,
	/* Mails of questions and answers that a worker may have under way with another one. */
	MAIL_CREDITS_MAX = MAILBOX_RING_CNT / 2,
};

enum mail_kind {
	MAIL_OPEN = 1, /* a question about lines that follow, a MAIL_LINE each */
	MAIL_LINE,
	MAIL_VOTE,   /* its answer, if it is one word */
	MAIL_ANSWER, /* its answer, one a line */
	MAIL_DECIDE, /* what became of the basket: answered by MAIL_ANSWERs, or a MAIL_VOTE */
};

enum mail_mode {
	MAIL_ASK,     /* what would become of them? */
	MAIL_PREPARE, /* if all would commit: set them aside */
	MAIL_EACH,    /* decide each by itself */
};

enum mail_word {
	MAIL_YES,  /* they are set aside, and that is on disk */
	MAIL_BUSY, /* no room: ask again */
	MAIL_DONE, /* what was set aside is given back */
};

enum mail_decision {
	MAIL_ABORT,
	MAIL_COMMIT,
	MAIL_UNKNOWN, /* the lane that decided it has failed: the next start knows */
};

struct mail_open {
	uint16_t basket; /* the asking lane's number for it, in every answer */
	uint8_t line_cnt;
	uint8_t mode; /* enum mail_mode */
	uint8_t op;
	uint8_t whole; /* the lines are holds' requests, to be confirmed or released by this id */
	uint16_t reserved;
	uint64_t asked_ns; /* as decide's */
	uint64_t id[2];
	uint64_t buyer;
	uint32_t channel;
	uint32_t reserved_too;
	uint64_t at_ns; /* the asking lane's clock */
};

struct mail_line {
	uint16_t basket;
	uint8_t line; /* which of the basket, from 0 */
	uint8_t reserved[5];
	struct wire_request request;
};

struct mail_vote {
	uint16_t basket;
	uint16_t share; /* YES: the answering lane's number for its lines */
	uint8_t word;   /* enum mail_word */
	uint8_t late;   /* YES: a payment came too late for one of the lines */
};

struct mail_answer {
	uint16_t basket;
	uint8_t line;
	uint8_t durability; /* enum durability */
	uint8_t reserved[4];
	struct decision decision; /* that waits for no record of the asking lane */
};

struct mail_decide {
	uint16_t basket;
	uint16_t share;
	uint8_t decision; /* enum mail_decision */
	uint8_t refund;   /* COMMIT: of payments, the basket came too late */
};

/* One mail. `kind` says how the rest is read. */
struct mail {
	uint16_t kind;          /* enum mail_kind */
	uint16_t lane_idx;      /* that it is for, of the receiving worker */
	uint16_t from_lane_idx; /* of the sending worker */
	uint16_t reserved;      /* 0 */
	union {
		struct mail_open open;
		struct mail_line line;
		struct mail_vote vote;
		struct mail_answer answer;
		struct mail_decide decide;
		uint8_t text[MAIL_TEXT_BYTES];
	};
};
static_assert(sizeof(struct mail) == MAIL_BYTES, "a line a mail");
static_assert((int)MAIL_CREDITS_MAX > (int)WIRE_ENTRY_CNT_MAX, "room for any question");

#endif
