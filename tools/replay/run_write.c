#include "tools/replay/run_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "engine/base/safe_file.h"
#include "net/tag.h"
#include "tools/common/cli.h"
#include "tools/replay/capture_writer.h"
#include "tools/replay/from_journal.h"
#include "tools/replay/output.h"
#include "tools/replay/progress.h"
#include "tools/replay/reader.h"
#include "tools/replay/reading.h"
#include "tools/replay/report.h"
#include "tools/replay/report_files.h"
#include "tools/replay/scrub.h"

struct writing {
	const struct replay_options *options;
	struct key_ring *keys;          /* NULL: none were given, as the next */
	struct key_ring *captured_keys; /* what is not signed by them is left out */
	struct key key;                 /* to sign with, if has_key */
	bool has_key;
	struct scrub scrub;
	struct capture_writer *writer;
	uint64_t datagrams;
	struct progress progress;
	bool interrupted;
	struct error error;
};

/* The key of the pseudonyms must not sign: a receiver who needs it to sign could find out who is
 * who. */
static bool is_secret(const struct writing *writing, const struct key_ring *ring, const char *flag,
		      const char *path)
{
	for (uint32_t i = 0; ring != NULL && i < ring->cnt; i++) {
		if (sodium_memcmp(ring->keys[i].bytes, writing->scrub.key, WIRE_KEY_BYTES) == 0)
			return cli_wrong("--scrub %s: its key is also key %u of %s %s; make one "
					 "for this alone: doorbuster keygen FILE",
					 writing->options->scrub, ring->keys[i].id, flag, path);
	}
	return true;
}

static bool load_ring(struct writing *writing, const char *flag, const char *path,
		      struct key_ring **out)
{
	return path == NULL || keys_load(path, out, &writing->error) == 0 ||
	       cli_wrong("%s: %s", flag, writing->error.text);
}

static bool load_keys(struct writing *writing)
{
	const struct replay_options *options = writing->options;
	struct key key;

	if (!load_ring(writing, "--keys", options->keys, &writing->keys) ||
	    !load_ring(writing, "--captured-keys", options->captured_keys, &writing->captured_keys))
		return false;
	if (options->scrub != NULL) {
		if (!cli_key(options->scrub, UINT64_MAX, &key))
			return false;
		memcpy(writing->scrub.key, key.bytes, sizeof(key.bytes));
		if (!is_secret(writing, writing->keys, "--keys", options->keys) ||
		    !is_secret(writing, writing->captured_keys, "--captured-keys",
			       options->captured_keys))
			return false;
	}
	if (options->keys == NULL)
		return true;
	writing->has_key = true;
	return cli_key(options->keys, options->key_id, &writing->key);
}

/* Where to print words: on stderr if the capture is on stdout. */
static FILE *words_of(const struct writing *writing)
{
	return strcmp(writing->options->write, "-") == 0 ? stderr : stdout;
}

/* Scrubs, signs, writes. */
static bool put(struct writing *writing, const struct captured *captured, uint8_t *datagram)
{
	struct captured changed = *captured;

	if (writing->options->scrub != NULL)
		scrub_datagram(&writing->scrub, datagram);
	if (writing->has_key) {
		((struct wire_header *)datagram)->key_id = writing->key.id;
		tag_sign(datagram, captured->bytes, writing->key.bytes);
	}
	changed.datagram = datagram;
	if (capture_writer_put(writing->writer, &changed, &writing->error) != 0)
		return cli_wrong("--write: %s", writing->error.text);
	writing->datagrams++;
	return true;
}

static bool write_catalog(const struct writing *writing, const struct from_journal *journal)
{
	const char *path = writing->options->catalog_out;
	struct output output;
	int rc = output_open(&output, path);

	if (rc == 0) {
		from_journal_catalog(journal, output.file);
		rc = output_commit(&output);
	}
	return rc == 0 || cli_wrong("--catalog-out %s: %s", path, safe_strerror(rc));
}

static int write_journal(struct writing *writing, struct from_journal *journal)
{
	struct captured captured;
	uint8_t *datagram;

	progress_begin(&writing->progress, true);
	while (!progress_interrupted() && from_journal_next(journal, &captured, &datagram)) {
		if (!put(writing, &captured, datagram))
			return CLI_EXIT_FAILED;
	}
	writing->interrupted = progress_interrupted();
	if (writing->interrupted)
		return CLI_EXIT_BAD;
	if (writing->options->catalog_out != NULL && !write_catalog(writing, journal))
		return CLI_EXIT_FAILED;
	fprintf(words_of(writing), "wrote %" PRIu64 " orders", from_journal_orders(journal));
	if (from_journal_changes(journal) > 0)
		fprintf(words_of(writing), " and %" PRIu64 " changes of them",
			from_journal_changes(journal));
	fprintf(words_of(writing), " as requests and replies in %" PRIu64 " datagrams\n",
		writing->datagrams);
	return CLI_EXIT_GOOD;
}

/* False: no more can be written. */
static bool write_all(struct writing *writing, struct reader *reader)
{
	enum reader_step step;
	struct captured captured;
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	uint64_t done_bytes;
	uint64_t total_bytes;
	bool good = true;

	progress_begin(&writing->progress, writing->options->quiet);
	reader_end_when(reader, progress_interrupted);
	while (good && !progress_interrupted() &&
	       (step = reader_step(reader, &captured)) != READER_END) {
		if (step == READER_FOUND) {
			memcpy(datagram, captured.datagram, captured.bytes);
			good = put(writing, &captured, datagram);
		}
		reader_progress(reader, &done_bytes, &total_bytes);
		progress_tell(&writing->progress, done_bytes, total_bytes,
			      reader_counts(reader)->requests);
	}
	progress_end(&writing->progress);
	writing->interrupted = progress_interrupted();
	return good;
}

static int write_capture(struct writing *writing, struct reader *reader)
{
	const struct replay_options *options = writing->options;

	if (!write_all(writing, reader))
		return CLI_EXIT_FAILED;
	report_reading(reader, words_of(writing));
	if (writing->interrupted)
		return CLI_EXIT_BAD;
	if (writing->datagrams == 0) {
		char why[READING_WHY_BYTES];

		reading_why(reader_counts(reader), reader_damage(reader), why);
		cli_wrong("%s: no request to port %u and the following, and no reply, is in it: %s",
			  options->capture, options->base_port, why);
		return CLI_EXIT_FAILED;
	}
	return !files_have_instants(reader) || reader_damage(reader) != NULL ? CLI_EXIT_BAD
									     : CLI_EXIT_GOOD;
}

/* The readable part of a damaged capture gets the name; an interrupted one does not. */
static int write_from(struct writing *writing, struct from_journal *journal, struct reader *reader)
{
	const struct replay_options *options = writing->options;
	int rc;

	if (capture_writer_open(&writing->writer, options->write, &writing->error) != 0) {
		cli_wrong("--write: %s", writing->error.text);
		return CLI_EXIT_FAILED;
	}
	rc = journal != NULL ? write_journal(writing, journal) : write_capture(writing, reader);
	if (writing->interrupted) {
		fprintf(stderr, "INTERRUPTED: --write %s: %s\n", options->write,
			strcmp(options->write, "-") == 0 ? "the rest was not written"
							 : "was not made");
	} else if (rc != CLI_EXIT_FAILED) {
		if (capture_writer_commit(writing->writer, &writing->error) == 0)
			return rc;
		cli_wrong("--write: %s", writing->error.text);
		return CLI_EXIT_FAILED;
	}
	capture_writer_discard(writing->writer);
	return rc;
}

static int open_and_write(struct writing *writing)
{
	const struct replay_options *options = writing->options;
	struct from_journal *journal = NULL;
	struct reader *reader = NULL;
	int rc;

	if (!load_keys(writing))
		return CLI_EXIT_FAILED;
	if (options->from_journal != NULL)
		rc = from_journal_open(&journal, options->from_journal, &writing->error);
	else
		rc = reader_open_source(&reader, &options->source, options->base_port,
					&writing->error);
	if (rc == 0 && reader != NULL)
		rc = reading_begin(reader, options, &writing->error);
	if (rc != 0) {
		cli_wrong("%s%s", options->from_journal != NULL ? "--from-journal: " : "",
			  writing->error.text);
		reader_close(reader);
		return options->from_journal != NULL && rc == -EBADMSG ? CLI_EXIT_BAD
								       : CLI_EXIT_FAILED;
	}
	if (reader != NULL)
		reader_verify(reader, writing->captured_keys, true, true);
	rc = write_from(writing, journal, reader);
	from_journal_close(journal);
	reader_close(reader);
	return rc;
}

int run_write(const struct replay_options *options)
{
	struct writing writing = {.options = options};
	const int rc = open_and_write(&writing);

	keys_free(writing.keys);
	keys_free(writing.captured_keys);
	sodium_memzero(&writing.key, sizeof(writing.key));
	sodium_memzero(&writing.scrub, sizeof(writing.scrub));
	return rc;
}
