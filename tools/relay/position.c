/*
 * position: DATA/downstream-NAME, how far this relay's downstream has the lanes. `journal prune`
 * reads it: what is in there is all that keeps segments, so it names only what the downstream had
 * for so long that it may be trusted to keep it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/lane_files.h"
#include "tools/relay/relay.h"

static int take_lock(struct relay *relay)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s.lock", relay->position_path) >= (int)sizeof(path))
		return downstream_say(relay->error, sizeof(relay->error), -ENAMETOOLONG,
				      "--data: the path is too long");
	relay->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (relay->lock_fd < 0)
		return downstream_say(relay->error, sizeof(relay->error), -errno, "%s: %s", path,
				      strerror(errno));
	if (flock(relay->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return downstream_say(relay->error, sizeof(relay->error), -EBUSY,
				      "another relay named '%s' runs on %s: stop that one, or give "
				      "this one another --name",
				      relay->options.name, relay->options.data);
	return 0;
}

static uint64_t half_of_free(const char *path)
{
	struct statvfs info;

	return statvfs(path, &info) == 0 ? (uint64_t)info.f_bavail * info.f_frsize / 2 : 0;
}

int relay_position_open(struct relay *relay)
{
	struct cursor *position = &relay->position;
	struct cursor loaded;
	int rc;

	snprintf(relay->position_path, sizeof(relay->position_path), "%s/downstream-%s",
		 relay->options.data, relay->options.name);
	rc = take_lock(relay);
	if (rc != 0)
		return rc;
	*position =
		(struct cursor){.journal_id = relay->dir.journal_id, .lanes = relay->dir.shards};
	CHECK(getrandom(&position->relay_id, sizeof(position->relay_id), 0) ==
	      sizeof(position->relay_id));
	rc = cursor_load(&loaded, relay->position_path, relay->error, sizeof(relay->error));
	if (rc != 0 && rc != -ENOENT)
		return rc;
	if (rc == 0 && (loaded.journal_id != position->journal_id ||
			loaded.lanes != position->lanes || loaded.relay_id == 0))
		return downstream_say(relay->error, sizeof(relay->error), -EINVAL,
				      "%s is of another journal: remove it", relay->position_path);
	if (rc == 0)
		*position = loaded;
	position->run++;
	downstream_address(relay->options.downstream.to, position->to, sizeof(position->to));
	if (relay->options.budget_bytes > 0)
		position->budget_bytes = relay->options.budget_bytes;
	else if (position->budget_bytes == 0)
		position->budget_bytes = half_of_free(relay->options.data);
	relay->positioned = true;
	/* Before anything is published in the name of this run. */
	return cursor_save(position, relay->position_path, relay->error, sizeof(relay->error));
}

int relay_position_save(struct relay *relay)
{
	bool changed = false;

	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		struct lane_mark *mark = &relay->position.lane[i].mark;

		changed = changed || mark->checksum != relay->lanes[i].safe.checksum;
		*mark = relay->lanes[i].safe;
	}
	if (!changed || !relay->positioned)
		return 0;
	return cursor_save(&relay->position, relay->position_path, relay->error,
			   sizeof(relay->error));
}

int relay_forget(const struct relay_options *options, char *error, size_t error_bytes)
{
	struct relay relay = {.options = *options, .lock_fd = -1};
	int rc;

	snprintf(relay.position_path, sizeof(relay.position_path), "%s/downstream-%s",
		 options->data, options->name);
	if (access(relay.position_path, F_OK) != 0)
		return downstream_say(error, error_bytes, -ENOENT,
				      "%s: there is none; --name says whose position goes",
				      relay.position_path);
	rc = take_lock(&relay);
	if (rc != 0)
		snprintf(error, error_bytes, "%s", relay.error);
	if (rc == 0 && unlink(relay.position_path) != 0)
		rc = downstream_say(error, error_bytes, -errno, "%s: %s", relay.position_path,
				    strerror(errno));
	if (rc == 0)
		rc = directory_sync(options->data);
	if (relay.lock_fd >= 0)
		close(relay.lock_fd);
	return rc;
}
