#include <criterion/criterion.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "tests/support/frames.h"
#include "tools/replay/ahead.h"

enum {
	/* More than the ring holds. */
	PACKETS = 20000,
	RING = 8192,
	LINK_ETHERNET = 1,
};

static struct reader *reader;

/* Requests that are told apart by their instants: 1 s and so many ns. */
static void set_up(void)
{
	const uint32_t file_header[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, LINK_ETHERNET};
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t frame[FRAME_ROOM_BYTES];
	const uint32_t bytes = frame_build(frame, 4, 0, datagram, frame_datagram(datagram, 1));
	const int fd = memfd_create("capture", MFD_CLOEXEC);
	FILE *file = fdopen(dup(fd), "w");
	char path[64];
	struct error error;

	cr_assert(fd >= 0 && file != NULL);
	fwrite(file_header, sizeof(file_header), 1, file);
	for (uint32_t i = 0; i < PACKETS; i++) {
		const uint32_t header[] = {1, i, bytes, bytes};

		fwrite(header, sizeof(header), 1, file);
		fwrite(frame, bytes, 1, file);
	}
	cr_assert_eq(fclose(file), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(reader_open(&reader, path, FRAME_PORT, &error), 0, "%s", error.text);
	close(fd);
}

static void tear_down(void)
{
	reader_close(reader);
}

static struct ahead *open_ahead(bool threaded)
{
	struct ahead *ahead = NULL;

	cr_assert_eq(ahead_open(&ahead, &(struct ahead_options){.reader = reader,
								.ring_cnt = RING,
								.threaded = threaded}),
		     0);
	return ahead;
}

/* What is left comes in the capture's order, up to its end. */
static void expect_rest(struct ahead *ahead, uint32_t first)
{
	bool ended = false;

	for (uint32_t i = first; !ended; i++) {
		struct ahead_item *item;

		while ((item = ahead_peek(ahead, &ended)) == NULL && !ended) {
			if (!ahead_read(ahead))
				sched_yield();
		}
		if (ended) {
			cr_expect_eq(i, PACKETS);
			break;
		}
		cr_assert_eq(item->at_ns, UINT64_C(1000000000) + i);
		cr_assert_eq(item->kind, CAPTURED_REQUEST);
		cr_assert_eq(item->bytes, wire_datagram_bytes(1));
		ahead_pop(ahead, 1);
	}
	cr_expect(ahead_is_ready(ahead));
	cr_expect_not(ahead_read(ahead));
}

Test(ahead, reads_by_itself_in_a_thread, .init = set_up, .fini = tear_down)
{
	struct ahead *ahead;

	ahead = open_ahead(true);
	while (!ahead_is_ready(ahead))
		sched_yield();
	cr_expect_not(ahead_read(ahead), "there is a thread for that");
	expect_rest(ahead, 0);
	ahead_close(ahead);
}

Test(ahead, reads_when_asked_without_a_thread, .init = set_up, .fini = tear_down)
{
	struct ahead *ahead;
	uint32_t held = 0;
	bool ended;

	ahead = open_ahead(false);
	cr_expect_null(ahead_peek(ahead, &ended));
	cr_expect_not(ended);
	cr_expect_not(ahead_is_ready(ahead));
	while (ahead_read(ahead))
		held++;
	cr_expect(ahead_is_ready(ahead), "full");
	cr_expect_eq(held, RING);
	cr_expect_not_null(ahead_peek_at(ahead, held - 1));
	cr_expect_null(ahead_peek_at(ahead, held));
	ahead_pop(ahead, 1);
	cr_expect(ahead_read(ahead), "there is room for one");
	cr_expect_not(ahead_read(ahead));
	expect_rest(ahead, 1);
	ahead_close(ahead);
}

Test(ahead, ends_before_the_capture_does, .init = set_up, .fini = tear_down)
{
	struct ahead *ahead;

	ahead = open_ahead(true);
	ahead_close(ahead);
	ahead_close(NULL);
}
