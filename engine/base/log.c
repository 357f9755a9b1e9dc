#include "engine/base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"

enum {
	/* Lines go out whole up to here; a longer one in parts. */
	OUT_BYTES = 4096,
};

/* Changed under the lock of the stream. */
static struct {
	enum log_form form;
	bool begun;
	bool inside; /* of a line */
} log_state;

/* What goes to stderr with one write. */
struct out {
	size_t cnt;
	bool failed;
	char bytes[OUT_BYTES];
};

enum log_form log_form_of(const char *wish, const char *stream, dev_t device, ino_t inode)
{
	char own[64];

	if (wish != NULL && strcmp(wish, "plain") == 0)
		return LOG_FORM_PLAIN;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)device, (uintmax_t)inode);
	return stream != NULL && strcmp(stream, own) == 0 ? LOG_FORM_JOURNALD : LOG_FORM_TIME;
}

size_t log_prefix(enum log_form form, char priority, uint64_t wall_ns, char out[LOG_PREFIX_BYTES])
{
	const time_t second = (time_t)(wall_ns / 1000000000);
	char text[24];
	struct tm parts;

	out[0] = '\0';
	if (form == LOG_FORM_PLAIN || priority == '-')
		return 0;
	if (form == LOG_FORM_JOURNALD)
		return (size_t)snprintf(out, LOG_PREFIX_BYTES, "<%c>", priority);
	gmtime_r(&second, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	return (size_t)snprintf(out, LOG_PREFIX_BYTES, "%s.%03uZ %s ", text,
				(unsigned)(wall_ns / 1000000 % 1000),
				priority <= '3'   ? "error"
				: priority == '4' ? "warning"
						  : "info");
}

static void flush(struct out *out)
{
	const char *bytes = out->bytes;

	while (out->cnt > 0 && !out->failed) {
		const ssize_t done = write(STDERR_FILENO, bytes, out->cnt);

		if (done < 0 && errno == EINTR)
			continue;
		out->failed = done <= 0;
		bytes += out->failed ? 0 : done;
		out->cnt -= out->failed ? 0 : (size_t)done;
	}
	out->cnt = 0;
}

static void put(struct out *out, const char *bytes, size_t cnt)
{
	while (cnt > 0) {
		const size_t space = sizeof(out->bytes) - out->cnt;
		const size_t part = cnt < space ? cnt : space;

		memcpy(out->bytes + out->cnt, bytes, part);
		out->cnt += part;
		bytes += part;
		cnt -= part;
		if (out->cnt == sizeof(out->bytes))
			flush(out);
	}
}

/* Puts out what stands before a line; returns the bytes of its mark. */
static size_t begin_line(struct out *out, const char *text, size_t bytes)
{
	const bool marked = bytes >= 2 && text[0] == LOG_MARK;
	char prefix[LOG_PREFIX_BYTES];

	put(out, prefix,
	    log_prefix(log_state.form, marked ? text[1] : '6', clock_wall_ns(), prefix));
	return marked ? 2 : 0;
}

/* stdio's writer: parts of lines, and several at once, as they come. */
static ssize_t write_lines(void *cookie, const char *text, size_t bytes)
{
	const char *const end = text + bytes;
	struct out out;

	(void)cookie;
	out.cnt = 0;
	out.failed = false;
	while (text < end) {
		const char *const line_end = memchr(text, '\n', (size_t)(end - text));
		const char *const part_end = line_end != NULL ? line_end + 1 : end;

		/* Another thread's line began, and this one comes into it. */
		if (log_state.inside && text[0] == LOG_MARK) {
			put(&out, "\n", 1);
			log_state.inside = false;
		}
		if (!log_state.inside && text[0] != '\n')
			text += begin_line(&out, text, (size_t)(part_end - text));
		put(&out, text, (size_t)(part_end - text));
		log_state.inside = line_end == NULL;
		text = part_end;
	}
	flush(&out);
	return out.failed ? 0 : (ssize_t)bytes;
}

void log_begin(void)
{
	const cookie_io_functions_t functions = {.write = write_lines};
	struct stat info = {0};
	FILE *lines;

	if (log_state.begun || fstat(STDERR_FILENO, &info) != 0)
		return;
	lines = fopencookie(NULL, "w", functions);
	if (lines == NULL)
		return;
	log_state.form = log_form_of(getenv("DOORBUSTER_LOG"), getenv("JOURNAL_STREAM"),
				     info.st_dev, info.st_ino);
	setvbuf(lines, NULL, _IONBF, 0);
	log_state.begun = true;
	stderr = lines;
}

const char *log_mark(const char *mark)
{
	return log_state.begun ? mark : "";
}
