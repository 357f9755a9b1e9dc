/*
 * bench_packet: a frame from the wire to its requests and back: ns a datagram of 1 and of 29
 * requests, the latter without and with a date, IPv4. Decode and reply as the worker calls them;
 * tags are bench_tag's. usage: bench_packet [ROUNDS [FRAMES]]; defaults 9 rounds of 100,000.
 */
#include <stdio.h>
#include <string.h>

#include "bench/common.h"
#include "engine/base/check.h"
#include "net/decode.h"
#include "net/reply.h"
#include "net/tag.h"
#include "tests/support/frames.h"

enum {
	BURST_CNT = 64,
};

static uint8_t frames[BURST_CNT][FRAME_ROOM_BYTES];
static struct frame_view views[BURST_CNT];
static uint32_t frame_bytes;

enum {
	DECODE_1,
	DECODE_29,
	DECODE_DATED,
	VERIFY_1,
	VERIFY_29,
	VERIFY_DATED,
	FRAME_1,
	FRAME_29,
	FRAME_DATED,
	CASE_CNT,
};

static struct bench_case cases[CASE_CNT] = {
	[DECODE_1] = {.name = "decode-1"},
	[DECODE_29] = {.name = "decode-29"},
	[DECODE_DATED] = {.name = "decode-29-dated"},
	[VERIFY_1] = {.name = "verify-1"},
	[VERIFY_29] = {.name = "verify-29"},
	[VERIFY_DATED] = {.name = "verify-29-dated"},
	[FRAME_1] = {.name = "frame-1"},
	[FRAME_29] = {.name = "frame-29"},
	[FRAME_DATED] = {.name = "frame-29-dated"},
};

/* A burst of signed frames of cnt requests each, fresh from the port. */
static void make_burst(uint8_t cnt, bool dated)
{
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes =
		dated ? frame_dated(datagram, cnt, 1, 2, 3) : frame_datagram(datagram, cnt);

	for (unsigned i = 0; i < BURST_CNT; i++)
		frame_bytes = frame_build(frames[i], 4, 0, datagram, bytes);
}

static void decode(void)
{
	for (unsigned i = 0; i < BURST_CNT; i++) {
		CHECK(decode_frame(frames[i], frame_bytes, FRAME_PORT, 1, &views[i]) == DROP_NONE);

		const uint8_t *datagram = frames[i] + views[i].payload_offset;

		CHECK(decode_datagram(datagram, views[i].payload_bytes) == DROP_NONE);
	}
	bench_keep(views);
}

static void verify(void)
{
	struct tag_job jobs[BURST_CNT];

	for (unsigned i = 0; i < BURST_CNT; i++)
		jobs[i] = (struct tag_job){
			.datagram = frames[i] + views[i].payload_offset,
			.key = frame_key,
			.bytes = views[i].payload_bytes,
		};
	CHECK(tag_verify_burst(jobs, BURST_CNT) == UINT64_MAX);
}

static void turn_round(void)
{
	for (unsigned i = 0; i < BURST_CNT; i++)
		reply_frame(frames[i], &views[i]);
	bench_keep(frames);
}

static void run(unsigned which, uint64_t cnt)
{
	static void (*const work[])(void) = {decode, verify, turn_round};

	make_burst(which % 3 == 0 ? 1 : WIRE_ENTRY_CNT_MAX, which % 3 == 2);
	decode();
	for (uint64_t done = 0; done < cnt; done += BURST_CNT) {
		bench_begin(&cases[which]);
		work[which / 3]();
		bench_end(&cases[which], BURST_CNT);
	}
	bench_round(&cases[which]);
}

int main(int argc, char **argv)
{
	const uint64_t rounds = bench_argument(argc, argv, 1, 9);
	const uint64_t cnt = bench_argument(argc, argv, 2, 100000);

	CHECK(rounds <= BENCH_ROUNDS_MAX);
	for (uint64_t i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < CASE_CNT; k++)
			run(k, cnt);
	}
	bench_print_title("a datagram of");
	for (unsigned k = 0; k < CASE_CNT; k++)
		bench_print(&cases[k]);
	return 0;
}
