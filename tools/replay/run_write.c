#include "tools/replay/run_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tag.h"
#include "tools/common/cli.h"
#include "tools/replay/capture_writer.h"
#include "tools/replay/from_journal.h"
#include "tools/replay/progress.h"
#include "tools/replay/reader.h"
#include "tools/replay/report.h"
#include "tools/replay/scrub.h"

enum {
	ERROR_BYTES = 1024,
};

struct writing {
	const struct replay_options *options;
	struct key key; /* to sign with, if has_key */
	bool has_key;
	struct scrub scrub;
	struct capture_writer *writer;
	uint64_t datagrams;
	char error[ERROR_BYTES];
};

static bool load_keys(struct writing *writing)
{
	const struct replay_options *options = writing->options;
	struct key key;

	if (options->scrub != NULL) {
		if (!cli_key(options->scrub, UINT64_MAX, &key))
			return false;
		memcpy(writing->scrub.key, key.bytes, sizeof(key.bytes));
	}
	if (options->keys == NULL)
		return true;
	writing->has_key = true;
	return cli_key(options->keys, options->key_id, &writing->key);
}

/* Scrubs, signs, writes. */
static void put(struct writing *writing, const struct captured *captured, uint8_t *datagram)
{
	struct captured changed = *captured;

	if (writing->options->scrub != NULL)
		scrub_datagram(&writing->scrub, datagram);
	if (writing->has_key) {
		((struct wire_header *)datagram)->key_id = writing->key.id;
		tag_sign(datagram, captured->bytes, writing->key.bytes);
	}
	changed.datagram = datagram;
	capture_writer_put(writing->writer, &changed);
	writing->datagrams++;
}

static bool write_catalog(const struct writing *writing, const struct from_journal *journal)
{
	const char *path = writing->options->catalog_out;
	FILE *file = fopen(path, "we");

	if (file == NULL)
		return cli_wrong("--catalog-out %s: %s", path, strerror(errno));
	from_journal_catalog(journal, file);
	return fclose(file) == 0 ||
	       cli_wrong("--catalog-out %s: cannot be written: %s", path, strerror(errno));
}

static int write_journal(struct writing *writing)
{
	struct from_journal *journal = NULL;
	struct captured captured;
	uint8_t *datagram;
	bool good;
	const int rc = from_journal_open(&journal, writing->options->from_journal, writing->error,
					 ERROR_BYTES);

	if (rc != 0) {
		cli_wrong("--from-journal: %s", writing->error);
		return rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
	}
	while (!progress_interrupted() && from_journal_next(journal, &captured, &datagram))
		put(writing, &captured, datagram);
	good = writing->options->catalog_out == NULL || write_catalog(writing, journal);
	/* With the capture on stdout there is no place for words. */
	if (strcmp(writing->options->write, "-") != 0)
		printf("wrote %" PRIu64 " orders as requests and replies in %" PRIu64
		       " datagrams\n",
		       from_journal_orders(journal), writing->datagrams);
	from_journal_close(journal);
	return good ? CLI_EXIT_GOOD : CLI_EXIT_FAILED;
}

static int write_capture(struct writing *writing)
{
	const struct replay_options *options = writing->options;
	struct progress progress;
	struct reader *reader = NULL;
	enum reader_step step;
	struct captured captured;
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	uint64_t done_bytes;
	uint64_t total_bytes;
	int rc = CLI_EXIT_GOOD;

	if (reader_open(&reader, options->capture, options->base_port, writing->error,
			ERROR_BYTES) != 0) {
		cli_wrong("%s", writing->error);
		return CLI_EXIT_FAILED;
	}
	progress_begin(&progress, options->quiet);
	reader_end_when(reader, progress_interrupted);
	while (!progress_interrupted() && (step = reader_step(reader, &captured)) != READER_END) {
		if (step == READER_FOUND) {
			memcpy(datagram, captured.datagram, captured.bytes);
			put(writing, &captured, datagram);
		}
		reader_progress(reader, &done_bytes, &total_bytes);
		progress_tell(&progress, done_bytes, total_bytes, reader_counts(reader)->requests);
	}
	progress_end(&progress);
	if (strcmp(options->write, "-") != 0)
		report_reading(reader);
	if (reader_damage(reader) != NULL || progress_interrupted())
		rc = CLI_EXIT_BAD;
	reader_close(reader);
	return rc;
}

int run_write(const struct replay_options *options)
{
	struct writing writing = {.options = options};
	int rc;

	if (!load_keys(&writing))
		return CLI_EXIT_FAILED;
	if (capture_writer_open(&writing.writer, options->write, writing.error, ERROR_BYTES) != 0) {
		cli_wrong("--write: %s", writing.error);
		return CLI_EXIT_FAILED;
	}
	rc = options->from_journal != NULL ? write_journal(&writing) : write_capture(&writing);
	if (rc == CLI_EXIT_FAILED) {
		capture_writer_abandon(writing.writer);
		return rc;
	}
	if (capture_writer_close(writing.writer, writing.error, ERROR_BYTES) != 0) {
		cli_wrong("--write: %s", writing.error);
		return CLI_EXIT_FAILED;
	}
	return rc;
}
