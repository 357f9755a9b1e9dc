#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "tests/support/capture_bytes.h"
#include "tools/replay/stream.h"

static struct capture_bytes made;

static void put_zstd(const char *text)
{
	made.cnt += ZSTD_compress(made.at + made.cnt, sizeof(made.at) - made.cnt, text,
				  strlen(text), 3);
}

/* As pzstd and the seekable format write them: to be skipped. */
static void put_skippable(uint32_t kind, uint32_t bytes)
{
	put_u32(&made, 0x184d2a50 + kind);
	put_u32(&made, bytes);
	memset(made.at + made.cnt, 0x28, bytes);
	made.cnt += bytes;
}

static void put_gzip(const char *text)
{
	z_stream gzip = {.next_in = (Bytef *)text,
			 .avail_in = (uInt)strlen(text),
			 .next_out = made.at + made.cnt,
			 .avail_out = (uInt)(sizeof(made.at) - made.cnt)};

	cr_assert_eq(deflateInit2(&gzip, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert_eq(deflate(&gzip, Z_FINISH), Z_STREAM_END);
	made.cnt += gzip.total_out;
	deflateEnd(&gzip);
}

static void expect_text(const char *text, bool damaged)
{
	char path[CAPTURE_PATH_BYTES];
	const int fd = capture_bytes_save(&made, path);
	struct stream *stream = NULL;
	const uint8_t *bytes;
	struct error error;
	size_t cnt;

	cr_assert_eq(stream_open(&stream, path, &error), 0, "%s", error.text);
	cnt = stream_peek(stream, CAPTURE_BYTES_MAX, &bytes);
	cr_expect_eq(cnt, strlen(text), "%zu bytes of '%s'", cnt, text);
	cr_expect_eq(memcmp(bytes, text, cnt), 0);
	cr_expect_eq(stream_damage(stream) != NULL, damaged, "%s", text);
	stream_close(stream);
	close(fd);
}

Test(stream, skips_frames_of_zstd_that_are_to_be_skipped)
{
	for (uint32_t kind = 0; kind < 16; kind++) {
		made.cnt = 0;
		put_skippable(kind, 4);
		put_zstd("one ");
		put_skippable(kind, 0);
		put_skippable(kind, 300000);
		put_zstd("");
		put_zstd("two");
		put_skippable(14, 17);
		expect_text("one two", false);
	}
	made.cnt = 0;
	put_skippable(3, 1000);
	expect_text("", false);
	made.cnt -= 10;
	expect_text("", true);
}

Test(stream, reads_members_and_frames_that_follow_each_other)
{
	made.cnt = 0;
	put_gzip("one ");
	put_gzip("");
	put_gzip("two");
	expect_text("one two", false);
	made.cnt -= 3;
	expect_text("one two", true);
	made.cnt = 0;
	put_zstd("one ");
	put_zstd("two");
	expect_text("one two", false);
	made.cnt -= 3;
	expect_text("one ", true);
}

Test(stream, gives_what_was_seen_until_it_is_taken)
{
	static uint8_t expected[400000];
	char path[CAPTURE_PATH_BYTES];
	struct stream *stream = NULL;
	const uint8_t *bytes;
	struct error error;
	size_t at = 0;
	size_t cnt;
	int fd;

	for (size_t i = 0; i < sizeof(expected); i++)
		expected[i] = (uint8_t)(i * 131 >> 4);
	made.cnt = 0;
	put_bytes(&made, expected, sizeof(expected));
	fd = capture_bytes_save(&made, path);
	cr_assert_eq(stream_open(&stream, path, &error), 0);
	while (at < sizeof(expected)) {
		const size_t want = at % 3 == 0 ? 150000 : 700;

		cnt = stream_peek(stream, want, &bytes);
		cr_assert(cnt >= want || at + cnt == sizeof(expected));
		cr_assert_eq(memcmp(bytes, expected + at, cnt < want ? cnt : want), 0);
		cnt = cnt < 613 ? cnt : 613;
		stream_take(stream, cnt);
		at += cnt;
	}
	cr_expect_eq(stream_peek(stream, 1, &bytes), 0);
	stream_close(stream);
	close(fd);
}
