#include "tools/replay/stream.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "engine/base/check.h"

enum {
	RAW_BYTES = 128 << 10,
	PLAIN_BYTES = 128 << 10,
	MAGIC_BYTES = 4,
	POLL_MS = 100,
	/* 15: the largest window; + 32: the header decides between gzip and zlib. */
	GZIP_WINDOW = 15 + 32,
	/* As zstd --long=31 makes it, the most there is. */
	ZSTD_WINDOW_LOG = 31,
};

enum stream_kind {
	STREAM_PLAIN,
	STREAM_GZIP,
	STREAM_ZSTD,
};

struct stream {
	int fd;
	enum stream_kind kind;
	uint64_t total_bytes;
	_Atomic uint64_t done_bytes;
	size_t raw_at;
	size_t raw_cnt;
	bool waits; /* it is not a regular file */
	bool (*over)(void);
	bool inside; /* of a gzip member or a zstd frame */
	const char *damage;
	z_stream gzip;
	ZSTD_DStream *zstd;
	/* Plain bytes from plain_at to plain_cnt are not taken yet. */
	uint8_t *plain;
	size_t plain_at;
	size_t plain_cnt;
	size_t plain_room;
	uint8_t raw[RAW_BYTES];
};

/* Waits until there are bytes, or the end. False: `over` returned true. */
static bool wait_for_bytes(const struct stream *stream)
{
	struct pollfd waited = {.fd = stream->fd, .events = POLLIN};

	while (stream->waits && stream->over != NULL) {
		if (stream->over())
			return false;
		if (poll(&waited, 1, POLL_MS) > 0)
			break;
	}
	return true;
}

/* Bytes of the file into room; 0 at its end, -1 with errno. */
static ssize_t read_raw(struct stream *stream, void *room, size_t bytes)
{
	ssize_t got;

	if (!wait_for_bytes(stream))
		return 0;
	do
		got = read(stream->fd, room, bytes);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		atomic_fetch_add_explicit(&stream->done_bytes, (uint64_t)got, memory_order_relaxed);
	return got;
}

/* Reads into the buffer, after what is still there. False at the end or when reading failed. */
static bool fill_raw(struct stream *stream)
{
	ssize_t got;

	if (stream->raw_at == stream->raw_cnt)
		stream->raw_at = stream->raw_cnt = 0;
	got = read_raw(stream, stream->raw + stream->raw_cnt, RAW_BYTES - stream->raw_cnt);
	if (got < 0)
		stream->damage = "cannot be read";
	if (got <= 0)
		return false;
	stream->raw_cnt += (size_t)got;
	return true;
}

static ssize_t plain_read(struct stream *stream, char *out, size_t room)
{
	const size_t held = stream->raw_cnt - stream->raw_at;
	const size_t taken = held < room ? held : room;

	if (held == 0)
		return read_raw(stream, out, room);
	memcpy(out, stream->raw + stream->raw_at, taken);
	stream->raw_at += taken;
	return (ssize_t)taken;
}

/* One step of inflate. False: no more will come. */
static bool gzip_step(struct stream *stream)
{
	const int rc = inflate(&stream->gzip, Z_NO_FLUSH);

	if (rc == Z_STREAM_END) {
		/* Another member may follow. */
		stream->inside = false;
		return inflateReset(&stream->gzip) == Z_OK;
	}
	stream->inside = true;
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return true;
	stream->damage = "its gzip data is damaged";
	return false;
}

static ssize_t gzip_read(struct stream *stream, char *out, size_t room)
{
	z_stream *gzip = &stream->gzip;

	gzip->next_out = (Bytef *)out;
	gzip->avail_out = (uInt)room;
	while (gzip->avail_out == room && stream->damage == NULL) {
		if (stream->raw_at == stream->raw_cnt && !fill_raw(stream)) {
			if (stream->inside && stream->damage == NULL)
				stream->damage = "its gzip data is cut short";
			break;
		}
		/* Zeros after a member fill a block of a tape; gzip accepts them, too. */
		if (!stream->inside && stream->raw[stream->raw_at] == 0) {
			stream->raw_at++;
			continue;
		}
		gzip->next_in = stream->raw + stream->raw_at;
		gzip->avail_in = (uInt)(stream->raw_cnt - stream->raw_at);

		const bool more = gzip_step(stream);

		stream->raw_at = stream->raw_cnt - gzip->avail_in;
		if (!more)
			break;
	}
	return (ssize_t)(room - gzip->avail_out);
}

static ssize_t zstd_read(struct stream *stream, char *out, size_t room)
{
	ZSTD_outBuffer plain = {.dst = out, .size = room};

	while (plain.pos == 0 && stream->damage == NULL) {
		/* What the decoder still holds comes out without input. */
		const bool dry = stream->raw_at == stream->raw_cnt && !fill_raw(stream);
		ZSTD_inBuffer raw = {.src = stream->raw + stream->raw_at,
				     .size = stream->raw_cnt - stream->raw_at};
		const size_t rc = ZSTD_decompressStream(stream->zstd, &plain, &raw);

		stream->raw_at += raw.pos;
		if (ZSTD_isError(rc)) {
			stream->damage = "its zstd data is damaged";
			break;
		}
		/* Without input it only says that another frame could begin. */
		if (raw.pos > 0 || plain.pos > 0)
			stream->inside = rc != 0;
		if (dry && plain.pos == 0) {
			if (stream->inside && stream->damage == NULL)
				stream->damage = "its zstd data is cut short";
			break;
		}
	}
	return (ssize_t)plain.pos;
}

/* Some plain bytes: those that are there, without waiting for more. 0 at the end, -1 with errno. */
static ssize_t read_some(struct stream *stream, char *out, size_t room)
{
	switch (stream->kind) {
	case STREAM_GZIP:
		return gzip_read(stream, out, room);
	case STREAM_ZSTD:
		return zstd_read(stream, out, room);
	default:
		return plain_read(stream, out, room);
	}
}

/* A frame, or one to be skipped (RFC 8878, 3.1.2), which pzstd and the seekable format put first.
 */
static bool is_zstd(const uint8_t *bytes, size_t cnt)
{
	uint32_t magic;

	if (cnt < sizeof(magic))
		return false;
	memcpy(&magic, bytes, sizeof(magic));
	magic = le32toh(magic);
	return magic == ZSTD_MAGICNUMBER ||
	       (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

/* What the first bytes say. 0 or -errno. */
static int find_kind(struct stream *stream)
{
	static const uint8_t gzip_magic[] = {0x1f, 0x8b};

	while (stream->raw_cnt < MAGIC_BYTES && fill_raw(stream))
		;
	if (stream->damage != NULL)
		return errno != 0 ? -errno : -EIO;
	if (stream->raw_cnt >= sizeof(gzip_magic) &&
	    memcmp(stream->raw, gzip_magic, sizeof(gzip_magic)) == 0) {
		stream->kind = STREAM_GZIP;
		return inflateInit2(&stream->gzip, GZIP_WINDOW) == Z_OK ? 0 : -ENOMEM;
	}
	if (is_zstd(stream->raw, stream->raw_cnt)) {
		stream->zstd = ZSTD_createDStream();
		if (stream->zstd == NULL)
			return -ENOMEM;
		/* Memory for as much is taken only where a frame needs it. */
		(void)ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
		stream->kind = STREAM_ZSTD;
	}
	return 0;
}

static int open_file(struct stream *stream, const char *path)
{
	struct stat info;

	stream->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					    : open(path, O_RDONLY | O_CLOEXEC);
	if (stream->fd < 0 || fstat(stream->fd, &info) != 0)
		return -errno;
	if (S_ISDIR(info.st_mode))
		return -EISDIR;
	stream->waits = !S_ISREG(info.st_mode);
	if (S_ISREG(info.st_mode)) {
		stream->total_bytes = (uint64_t)info.st_size;
		(void)posix_fadvise(stream->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	return find_kind(stream);
}

int stream_open(struct stream **out, const char *path, struct error *error)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int rc = -ENOMEM;

	if (stream != NULL) {
		stream->fd = -1;
		errno = 0;
		rc = open_file(stream, path);
	}
	if (rc != 0) {
		error_set(error, "%s: %s", path, strerror(-rc));
		stream_close(stream);
		return rc;
	}
	*out = stream;
	return 0;
}

/* Room for so many bytes from plain_at on. */
static bool make_room(struct stream *stream, size_t bytes)
{
	const size_t held = stream->plain_cnt - stream->plain_at;
	uint8_t *plain = stream->plain;

	if (stream->plain_at > 0)
		memmove(plain, plain + stream->plain_at, held);
	stream->plain_at = 0;
	stream->plain_cnt = held;
	if (bytes <= stream->plain_room)
		return true;
	if (bytes < PLAIN_BYTES)
		bytes = PLAIN_BYTES;
	plain = realloc(plain, bytes);
	if (plain == NULL)
		return false;
	stream->plain = plain;
	stream->plain_room = bytes;
	return true;
}

size_t stream_peek(struct stream *stream, size_t bytes, const uint8_t **out)
{
	ssize_t got = 1;

	if (bytes > stream->plain_cnt - stream->plain_at && !make_room(stream, bytes)) {
		stream->damage = "no memory to read it";
		return 0;
	}
	while (stream->plain_cnt - stream->plain_at < bytes && got > 0) {
		got = read_some(stream, (char *)stream->plain + stream->plain_cnt,
				stream->plain_room - stream->plain_cnt);
		if (got < 0)
			stream->damage = "cannot be read";
		if (got > 0)
			stream->plain_cnt += (size_t)got;
	}
	*out = stream->plain + stream->plain_at;
	return stream->plain_cnt - stream->plain_at;
}

void stream_take(struct stream *stream, size_t bytes)
{
	CHECK(bytes <= stream->plain_cnt - stream->plain_at);
	stream->plain_at += bytes;
}

static ssize_t read_cookie(void *cookie, char *out, size_t room)
{
	struct stream *stream = cookie;
	const uint8_t *bytes;
	size_t got = stream_peek(stream, 1, &bytes);

	if (got > room)
		got = room;
	if (got > 0)
		memcpy(out, bytes, got);
	stream_take(stream, got);
	return (ssize_t)got;
}

FILE *stream_file(struct stream *stream)
{
	const cookie_io_functions_t functions = {.read = read_cookie};

	return fopencookie(stream, "r", functions);
}

void stream_end_when(struct stream *stream, bool (*over)(void))
{
	stream->over = over;
}

void stream_progress(const struct stream *stream, uint64_t *done_bytes, uint64_t *total_bytes)
{
	*done_bytes = atomic_load_explicit(&stream->done_bytes, memory_order_relaxed);
	*total_bytes = stream->total_bytes;
}

const char *stream_damage(const struct stream *stream)
{
	return stream->damage;
}

void stream_close(struct stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->kind == STREAM_GZIP)
		inflateEnd(&stream->gzip);
	ZSTD_freeDStream(stream->zstd);
	free(stream->plain);
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream);
}
