/*
 * Maxima that more than one part of the engine rests on, each with its reason. Relations between
 * them are asserted at the end. A maximum of one part alone is in that part.
 */
#ifndef DB_ENGINE_BASE_LIMITS_H
#define DB_ENGINE_BASE_LIMITS_H

#include <assert.h>
#include <stdint.h>

enum {
	/* A cache line of every machine DPDK runs on that we build for (x86-64). */
	CACHE_LINE_BYTES = 64,

	/* One UDP port and one lane directory a shard; 256 ports are easy to open in a firewall. */
	SHARDS_MAX = 256,

	/* Addresses of a server's name that a client asks: a few machines with IPv4 and IPv6 each.
	 * A client that opens gives each of them a share of its time. */
	SERVER_ADDRESSES_MAX = 16,

	/* One worker a core. The EAL of Debian is built for 128 lcores; one is the control thread.
	 */
	WORKERS_MAX = 64,

	/* Frames taken from the port at a time. 64 is where memif stops getting faster. */
	RX_BURST_MAX = 64,

	/* Keys in the key file: two a gateway (old and new while rotating), thousands of gateways.
	 */
	KEYS_MAX = 4096,

	/* Lines of a catalog; the offer table of 16 M SKUs takes 1.2 GiB. */
	OFFERS_MAX = 16 << 20,

	/* Datagrams of one lane that wait for room in its journal: a few bursts. So the lane has
	 * its next records ready when the disk is done, and other lanes don't wait with it. */
	BACKLOG_MAX = 256,

	/* Datagrams of one lane whose answers wait for their records. While there is no room, the
	 * next ones wait in its backlog. */
	REPLIES_WAITING_MAX = 16384,

	/* Frames one worker may hand to another before it has to drop (and count) them. */
	HANDOVER_RING_CNT = 1024,

	/* Lines of baskets over several shards that wait for the other shards, in one shard. */
	PREPARED_MAX = 4096,

	/* Baskets over several shards that one shard decides at a time, of those that begin in it;
	 * and of those that begin in others. One takes as long as two or three writes. */
	BASKETS_MAX = 128,

	/* Messages that one worker may leave for another: half of them ask, half of them answer.
	 * A basket is at most 29 of them. */
	MAILBOX_RING_CNT = 256,

	/* Commands of operators to one lane that have no answer yet: a few blocks full of offers,
	 * so that a catalog is put on sale at the speed of the disk. */
	COMMANDS_MAX = 4096,
	/* Of these, for what ends a lane: one DRAIN and one ABANDON, however many offers wait. */
	COMMANDS_KEPT_FREE = 2,
	/* Those that a turn carries out, a few us: buyers wait no longer for them than for a burst.
	 */
	COMMANDS_PER_TURN_MAX = 64,

	/* Journal: the unit of O_DIRECT on every disk we know, and of the block size. */
	BLOCK_ALIGN_BYTES = 4096,
	/* Room for 1,023 records. A durable write of 64 KiB takes hardly longer than one of 4 KiB.
	 */
	BLOCK_BYTES_MAX = 65536,
	/* Writes in flight a lane: at 8 a disk writes 3 to 4 times as much as at 1. */
	WRITES_IN_FLIGHT_MAX = 8,
	/* One block is filled while the others are being written. */
	BLOCK_BUFFERS_CNT = WRITES_IN_FLIGHT_MAX + 2,
	/*
	 * How long a block that isn't full is held back where no answer waits for it (--ack
	 * memory). A write costs the worker's core some 25 us whatever its size. So a lane where
	 * nobody waits spends at most 5 % on writes, and downstream is half a millisecond late.
	 */
	MEMORY_LINGER_NS = 500000,
	/* Zero-filled segments that are ready beside the one being written. */
	SEGMENTS_AHEAD_CNT = 2,

	/*
	 * How far a lane's clock may be from the machine's before that is an alarm. Operators set
	 * openings to the second; the clocks of machines under NTP differ by milliseconds.
	 */
	LANE_AHEAD_MAX_NS = 1000000000,

	/* How often a lane's clock may be set back. An operator does it after a mishap. */
	CLOCK_RECORDS_MAX = 64,

	/* A line for the operator: two paths of some hundred bytes, what failed, and the remedy. */
	ERROR_BYTES = 1024,

	/* Faults of one file that are printed, and differences of one kind between a catalog and
	 * its journal: more than a screen's worth to mend, few enough for a log. */
	FAULTS_SHOWN_MAX = 100,

	/* Records of one request: one that answers it, and before it holds of its SKU and of its
	 * buyer that have ended. A request that needs more of these, and finds no room, gets
	 * JOURNAL_FULL. */
	REQUEST_RECORDS_MAX = 3,

	/* Holds that a lane ends in a turn, some 0.1 ms (bench_hold), and records that say so: so
	 * much longer buyers wait at most while a million holds end at once. */
	EXPIRE_HOLDS_PER_TURN_MAX = 256,
	EXPIRE_RECORDS_PER_TURN_MAX = 32,

	/* Units of one purchase: 16 bits on the wire. */
	QUANTITY_MAX = UINT16_MAX,
};

/* A segment file. 64 MiB hold a million orders, and zero-fill in under 100 ms. */
#define SEGMENT_BYTES (UINT64_C(64) << 20)

/* An order id is lane << 48 | LSN. */
#define ORDER_ID_LSN_BITS 48
#define LSN_MAX           ((UINT64_C(1) << ORDER_ID_LSN_BITS) - 1)

/* An offer that never closes, an instant that never comes. */
#define INSTANT_NEVER UINT64_MAX

static_assert(BLOCK_BYTES_MAX % BLOCK_ALIGN_BYTES == 0, "blocks are O_DIRECT multiples");
static_assert(SEGMENT_BYTES % BLOCK_BYTES_MAX == 0, "a segment holds whole blocks of any size");
static_assert(SHARDS_MAX <= UINT16_MAX, "shards are numbered in 16 bits on the wire");
static_assert(BACKLOG_MAX >= RX_BURST_MAX, "a burst fits, or the port is never read");
static_assert(BLOCK_BUFFERS_CNT > WRITES_IN_FLIGHT_MAX, "one buffer must be free to fill");

#endif
