#include "tools/common/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/safe_file.h"
#include "engine/journal/lane_files.h"

enum {
	LINE_BYTES = 1024,
};

/* A lane of which nothing was read is at no place. */
static bool is_mark(const struct lane_mark *mark)
{
	return mark->next_lsn > 0 ||
	       (mark->place.segment == 0 && mark->place.offset == 0 && mark->checksum == 0);
}

/* The text after a word; false: too long. */
static bool parse_text(const char *text, char *out, size_t out_bytes)
{
	const size_t bytes = strcspn(text, "\n");

	if (bytes >= out_bytes)
		return false;
	memcpy(out, text, bytes);
	out[bytes] = '\0';
	return true;
}

/* One line after the first. False: not one of ours. */
static bool parse_line(struct cursor *cursor, const char *line)
{
	struct cursor_lane entry = {0};
	unsigned lane;
	int end = 0;

	if (strncmp(line, "to ", 3) == 0)
		return parse_text(line + 3, cursor->to, sizeof(cursor->to));
	if (strncmp(line, "address ", 8) == 0)
		return parse_text(line + 8, cursor->address, sizeof(cursor->address));
	if (sscanf(line, "who %u %n%63s", &lane, &end, entry.who) == 2)
		return lane < cursor->lanes && parse_text(line + end, cursor->lane[lane].who,
							  sizeof(cursor->lane[lane].who));
	if (sscanf(line, "journal %16" SCNx64 " %n", &cursor->journal_id, &end) == 1 ||
	    sscanf(line, "budget-bytes %" SCNu64 " %n", &cursor->budget_bytes, &end) == 1 ||
	    sscanf(line, "out-bytes %" SCNu64 " %n", &cursor->out_bytes, &end) == 1 ||
	    sscanf(line, "relay %16" SCNx64 " run %" SCNu64 " %n", &cursor->relay_id, &cursor->run,
		   &end) == 2)
		return line[end] == '\0' && end > 0;
	if (sscanf(line,
		   "settling %u next-lsn %" SCNu64 " segment %" SCNu64 " offset %" SCNu64
		   " checksum %16" SCNx64 " at-ns %" SCNu64 " %n",
		   &lane, &entry.settling.next_lsn, &entry.settling.place.segment,
		   &entry.settling.place.offset, &entry.settling.checksum, &entry.settling_at_ns,
		   &end) == 6) {
		if (line[end] != '\0' || end == 0 || lane >= cursor->lanes ||
		    !is_mark(&entry.settling))
			return false;
		cursor->lane[lane].settling = entry.settling;
		cursor->lane[lane].settling_at_ns = entry.settling_at_ns;
		return true;
	}
	if (sscanf(line,
		   "lane %u next-lsn %" SCNu64 " segment %" SCNu64 " offset %" SCNu64
		   " checksum %16" SCNx64 " extra %" SCNu64 " %n",
		   &lane, &entry.mark.next_lsn, &entry.mark.place.segment, &entry.mark.place.offset,
		   &entry.mark.checksum, &entry.extra, &end) != 6 ||
	    line[end] != '\0' || end == 0 || lane != cursor->lanes || lane >= SHARDS_MAX ||
	    !is_mark(&entry.mark))
		return false;
	cursor->lane[cursor->lanes++] = entry;
	return true;
}

int cursor_load(struct cursor *cursor, const char *path, struct error *error)
{
	char line[LINE_BYTES];
	FILE *file = safe_fopen(path);
	unsigned format = 0;
	bool good;

	memset(cursor, 0, sizeof(*cursor));
	/* It names what buyers bought. One that isn't ours to change is replaced by the next save.
	 */
	if (file != NULL)
		(void)safe_make_private(path);
	if (file == NULL) {
		const int rc = -errno;

		if (rc != -ENOENT)
			error_set(error, "%s: %s", path, safe_strerror(rc));
		return rc;
	}
	good = fgets(line, sizeof(line), file) != NULL &&
	       sscanf(line, "doorbuster-cursor %u", &format) == 1 && (format == 1 || format == 2);
	while (good && fgets(line, sizeof(line), file) != NULL)
		good = parse_line(cursor, line);
	good = good && ferror(file) == 0 && cursor->journal_id != 0;
	fclose(file);
	if (good)
		return 0;
	return error_say(
		error, -EINVAL,
		"%s: not a cursor of ours, or damaged: name another, or remove it to begin anew",
		path);
}

static bool write_lines(const struct cursor *cursor, FILE *file)
{
	fprintf(file, "doorbuster-cursor %d\njournal %016" PRIx64 "\n",
		cursor->address[0] != '\0' ? 2 : 1, cursor->journal_id);
	if (cursor->to[0] != '\0')
		fprintf(file, "to %s\n", cursor->to);
	if (cursor->address[0] != '\0')
		fprintf(file, "address %s\n", cursor->address);
	if (cursor->budget_bytes != 0)
		fprintf(file, "budget-bytes %" PRIu64 "\n", cursor->budget_bytes);
	if (cursor->out_bytes != 0)
		fprintf(file, "out-bytes %" PRIu64 "\n", cursor->out_bytes);
	if (cursor->relay_id != 0)
		fprintf(file, "relay %016" PRIx64 " run %" PRIu64 "\n", cursor->relay_id,
			cursor->run);
	for (unsigned i = 0; i < cursor->lanes; i++) {
		const struct cursor_lane *lane = &cursor->lane[i];

		fprintf(file,
			"lane %u next-lsn %" PRIu64 " segment %" PRIu64 " offset %" PRIu64
			" checksum %016" PRIx64 " extra %" PRIu64 "\n",
			i, lane->mark.next_lsn, lane->mark.place.segment, lane->mark.place.offset,
			lane->mark.checksum, lane->extra);
		if (lane->who[0] != '\0')
			fprintf(file, "who %u %s\n", i, lane->who);
		if (lane->settling_at_ns == 0)
			continue;
		fprintf(file,
			"settling %u next-lsn %" PRIu64 " segment %" PRIu64 " offset %" PRIu64
			" checksum %016" PRIx64 " at-ns %" PRIu64 "\n",
			i, lane->settling.next_lsn, lane->settling.place.segment,
			lane->settling.place.offset, lane->settling.checksum, lane->settling_at_ns);
	}
	return fflush(file) == 0 && ferror(file) == 0 && fsync(fileno(file)) == 0;
}

/* Makes the new name durable. */
static int sync_directory_of(const char *path)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash == NULL)
		return directory_sync(".");
	slash[slash == directory ? 1 : 0] = '\0';
	return directory_sync(directory);
}

int cursor_save(const struct cursor *cursor, const char *path, struct error *error)
{
	char temporary[PATH_MAX];
	FILE *file;
	int rc = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return error_say(error, -ENAMETOOLONG, "%s: the path is too long", path);
	file = safe_fmake_anew(temporary);
	if (file == NULL)
		rc = -errno;
	else if (!write_lines(cursor, file))
		rc = errno != 0 ? -errno : -EIO;
	if (file != NULL && fclose(file) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		rc = safe_rename(temporary, path);
	if (rc == 0)
		rc = sync_directory_of(path);
	if (rc != 0)
		error_set(error, "%s: cannot be written: %s", path, safe_strerror(rc));
	return rc;
}
