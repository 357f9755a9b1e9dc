#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "tests/support/temp_dir.h"

#define AT UINT64_C(1796048808463999999)

enum {
	TIME_BYTES = sizeof("2026-11-30T14:26:48.463Z") - 1,
	THREAD_CNT = 4,
	THREAD_LINES = 500,
};

static char said[THREAD_CNT * THREAD_LINES * 64];

/* What the lines became; fd is stderr's file. */
static const char *read_back(int fd)
{
	const ssize_t bytes = pread(fd, said, sizeof(said) - 1, 0);

	cr_assert(bytes >= 0 && (size_t)bytes < sizeof(said) - 1);
	said[bytes] = '\0';
	return said;
}

static int stderr_to_file(void)
{
	int fd;

	(void)temp_dir_make();
	fd = open(temp_path("log"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	cr_assert(fd >= 0);
	cr_assert(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
	unsetenv("DOORBUSTER_LOG");
	unsetenv("JOURNAL_STREAM");
	return fd;
}

/* Of the line, from its time on. */
static const char *after_time(const char *line)
{
	for (size_t i = 0; i < TIME_BYTES; i++) {
		const char pattern = "0000-00-00T00:00:00.000Z"[i];

		cr_assert(pattern == '0' ? line[i] >= '0' && line[i] <= '9' : line[i] == pattern,
			  "byte %zu of %.40s", i, line);
	}
	return line + TIME_BYTES;
}

Test(log, has_time_and_level)
{
	char out[LOG_PREFIX_BYTES];

	cr_expect(log_prefix(LOG_FORM_TIME, '6', AT, out) == strlen(out));
	cr_expect_str_eq(out, "2026-11-30T14:26:48.463Z info ");
	(void)log_prefix(LOG_FORM_TIME, '4', AT, out);
	cr_expect_str_eq(out, "2026-11-30T14:26:48.463Z warning ");
	(void)log_prefix(LOG_FORM_TIME, '3', AT, out);
	cr_expect_str_eq(out, "2026-11-30T14:26:48.463Z error ");
	cr_expect(log_prefix(LOG_FORM_JOURNALD, '3', AT, out) == 3);
	cr_expect_str_eq(out, "<3>");
	cr_expect(log_prefix(LOG_FORM_PLAIN, '3', AT, out) == 0);
	cr_expect(log_prefix(LOG_FORM_TIME, '-', AT, out) == 0);
	cr_expect(log_prefix(LOG_FORM_JOURNALD, '-', AT, out) == 0);
}

Test(log, knows_journald_by_its_stream)
{
	cr_expect(log_form_of(NULL, NULL, 8, 77) == LOG_FORM_TIME);
	cr_expect(log_form_of(NULL, "8:77", 8, 77) == LOG_FORM_JOURNALD);
	/* Inherited by a program whose stderr goes elsewhere. */
	cr_expect(log_form_of(NULL, "8:77", 8, 78) == LOG_FORM_TIME);
	cr_expect(log_form_of(NULL, "8:777", 8, 77) == LOG_FORM_TIME);
	cr_expect(log_form_of("plain", "8:77", 8, 77) == LOG_FORM_PLAIN);
	cr_expect(log_form_of("other", NULL, 8, 77) == LOG_FORM_TIME);
}

Test(log, begins_each_line_once, .fini = temp_dir_remove)
{
	static const char *const texts[] = {" info one line\n",    "\n",
					    " warning second 2\n", " info third\n",
					    " info half\n",        " error a whole one\n"};
	const int fd = stderr_to_file();
	const char *line;

	cr_expect_str_empty(log_mark(LOG_AS_ERROR));
	log_begin();
	cr_expect_str_eq(log_mark(LOG_AS_ERROR), LOG_AS_ERROR);
	fprintf(stderr, "one");
	fprintf(stderr, " line");
	fprintf(stderr, "\n\n" LOG_AS_WARNING "second %d\nthird\n", 2);
	fputs(LOG_AS_DATA "{}\n", stderr);
	fputs("half", stderr);
	fputs(LOG_AS_ERROR "a whole one\n", stderr);
	line = read_back(fd);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i][0] != '\n')
			line = after_time(line);
		cr_assert(strncmp(line, texts[i], strlen(texts[i])) == 0, "%zu: %s", i, line);
		line += strlen(texts[i]);
		if (i == 3) {
			cr_assert(strncmp(line, "{}\n", 3) == 0, "%s", line);
			line += 3;
		}
	}
	cr_expect_str_empty(line);
}

Test(log, has_a_priority_under_journald, .fini = temp_dir_remove)
{
	const int fd = stderr_to_file();
	struct stat info;
	char stream[64];

	cr_assert(fstat(fd, &info) == 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_begin();
	fprintf(stderr, LOG_AS_ERROR "bad\ngood\n");
	cr_expect_str_eq(read_back(fd), "<3>bad\n<6>good\n");
}

Test(log, keeps_long_lines_whole, .fini = temp_dir_remove)
{
	const int fd = stderr_to_file();
	static char text[10001];

	memset(text, 'x', sizeof(text) - 1);
	setenv("DOORBUSTER_LOG", "plain", 1);
	log_begin();
	fprintf(stderr, LOG_AS_ERROR "%s\nend\n", text);
	cr_assert(strlen(read_back(fd)) == 10005);
	cr_expect(strspn(said, "x") == 10000);
	cr_expect_str_eq(said + 10000, "\nend\n");
}

/* Two programs may write to one file: a line in parts would be mixed with another's. */
Test(log, writes_a_line_at_once)
{
	char line[256];
	ssize_t bytes;
	int ends[2];

	cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	cr_assert(dup2(ends[0], STDERR_FILENO) == STDERR_FILENO);
	setenv("DOORBUSTER_LOG", "", 1);
	log_begin();
	fprintf(stderr, LOG_AS_WARNING "lane %u: %s\n", 3, "is full");
	bytes = recv(ends[1], line, sizeof(line) - 1, MSG_DONTWAIT);
	cr_assert(bytes > 0);
	line[bytes] = '\0';
	cr_expect_str_eq(after_time(line), " warning lane 3: is full\n");
}

static void *write_many(void *text)
{
	for (int i = 0; i < THREAD_LINES; i++)
		fprintf(stderr, LOG_AS_WARNING "%s\n", (const char *)text);
	return NULL;
}

Test(log, takes_lines_of_several_threads, .fini = temp_dir_remove)
{
	static char texts[THREAD_CNT][4] = {"aaa", "bbb", "ccc", "ddd"};
	const int fd = stderr_to_file();
	unsigned cnt[THREAD_CNT] = {0};
	pthread_t threads[THREAD_CNT];
	const char *line;

	log_begin();
	for (int i = 0; i < THREAD_CNT; i++)
		cr_assert(pthread_create(&threads[i], NULL, write_many, texts[i]) == 0);
	for (int i = 0; i < THREAD_CNT; i++)
		pthread_join(threads[i], NULL);
	for (line = read_back(fd); *line != '\0'; line += sizeof(" warning aaa\n") - 1) {
		line = after_time(line);
		for (int i = 0; i < THREAD_CNT; i++)
			cnt[i] += strncmp(line, " warning ", 9) == 0 &&
				  strncmp(line + 9, texts[i], 3) == 0 && line[12] == '\n';
	}
	for (int i = 0; i < THREAD_CNT; i++)
		cr_expect(cnt[i] == THREAD_LINES, "%s: %u lines", texts[i], cnt[i]);
}
