/*
 * position: DATA/downstream-NAME, how far this relay's downstream has the lanes. `journal prune`
 * reads it, and only it keeps segments. So it names only blocks that the downstream has had for
 * long enough to be trusted with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/safe_file.h"
#include "engine/journal/lane_files.h"
#include "tools/downstream/identity.h"
#include "tools/relay/relay.h"

static int take_lock(struct relay *relay)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s.lock", relay->position_path) >= (int)sizeof(path))
		return error_say(&relay->error, -ENAMETOOLONG, "--data: the path is too long");
	relay->lock_fd = safe_open_or_make(path, O_RDWR, NULL);
	if (relay->lock_fd < 0)
		return error_say(&relay->error, relay->lock_fd, "%s: %s", path,
				 safe_strerror(relay->lock_fd));
	if (flock(relay->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return error_say(&relay->error, -EBUSY,
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

/* Nothing of a downstream was ever met: an older relay wrote its address before it reached it. */
static bool is_unmet(const struct cursor *position)
{
	for (unsigned i = 0; i < position->lanes; i++) {
		if (position->lane[i].mark.next_lsn != 0 || position->lane[i].settling_at_ns != 0 ||
		    position->lane[i].who[0] != '\0')
			return false;
	}
	return true;
}

/* A position is of one downstream, wherever that is reached. */
static int check_identity(struct relay *relay, const struct cursor *loaded)
{
	char now[IDENTITY_BYTES];

	if (is_unmet(loaded) || identity_matches(loaded->to, &relay->options.downstream))
		return 0;
	identity_describe(&relay->options.downstream, now);
	return error_say(&relay->error, -EINVAL,
			 "the relay named '%s' serves '%s'%s%s, not '%s': give this one "
			 "another --name; or if that one will not run again, first: "
			 "doorbuster relay --data %s --forget --name %s",
			 relay->options.name, loaded->to,
			 loaded->address[0] != '\0' ? ", reached last at " : "", loaded->address,
			 now, relay->options.data, relay->options.name);
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
	rc = cursor_load(&loaded, relay->position_path, &relay->error);
	if (rc != 0 && rc != -ENOENT)
		return rc;
	if (rc == 0 && (loaded.journal_id != position->journal_id ||
			loaded.lanes != position->lanes || loaded.relay_id == 0))
		return error_say(&relay->error, -EINVAL, "%s is of another journal: remove it",
				 relay->position_path);
	if (rc == 0 && check_identity(relay, &loaded) != 0)
		return -EINVAL;
	relay->positioned = rc == 0;
	if (rc == 0)
		*position = loaded;
	position->run++;
	identity_describe(&relay->options.downstream, position->to);
	downstream_address(relay->options.downstream.to, position->address,
			   sizeof(position->address));
	if (relay->options.budget_bytes > 0)
		position->budget_bytes = relay->options.budget_bytes;
	else if (position->budget_bytes == 0)
		position->budget_bytes = half_of_free(relay->options.data);
	return 0;
}

/* If a position can't be written, the older one stays: prune keeps more. The relay continues,
 * because what it carries downstream can be pruned later. */
static void save(struct relay *relay)
{
	struct error why;
	const int rc = cursor_save(&relay->position, relay->position_path, &why);

	if (rc != 0 && !relay->failing)
		fprintf(stderr, "%s%s; continuing, and trying again\n", log_mark(LOG_AS_WARNING),
			why.text);
	if (rc == 0 && relay->failing)
		fprintf(stderr, "%s: written again\n", relay->position_path);
	relay->unsaved = relay->failing = rc != 0;
}

/* The first position of a relay must be there before anything is downstream, or prune knows nothing
 * of it. */
static int begin(struct relay *relay)
{
	int rc = 0;

	if (relay->positioned)
		save(relay);
	else
		rc = cursor_save(&relay->position, relay->position_path, &relay->error);
	relay->positioned = relay->begun = rc == 0;
	return rc;
}

int relay_position_meet(struct relay *relay, const struct relay_lane *lane)
{
	const char *who = lane->downstream->who;
	char *known = relay->position.lane[lane->lane].who;

	/* A pipe has none. */
	if (relay->lock_fd < 0)
		return 0;
	if (known[0] != '\0' && who[0] != '\0' && strcmp(known, who) != 0)
		return error_say(&relay->error, -EPROTO,
				 "lane %u: '%s' at %s is another one (%s) than the relay named "
				 "'%s' served until now (%s): another cluster, or it was removed "
				 "and made anew. Give this relay another --name; or if the other "
				 "is gone for good, first: doorbuster relay --data %s --forget "
				 "--name %s",
				 lane->lane, relay->position.to, relay->position.address, who,
				 relay->options.name, known, relay->options.data,
				 relay->options.name);
	if (known[0] == '\0' && who[0] != '\0') {
		if (relay->position.lane[lane->lane].mark.next_lsn > 1)
			fprintf(stderr,
				"lane %u: the position is of an older relay, which did not note "
				"whom it served; from now on that is '%s' at %s (%s)\n",
				lane->lane, relay->position.to, relay->position.address, who);
		snprintf(known, CURSOR_WHO_BYTES, "%s", who);
		relay->unsaved = true;
	}
	return relay->begun ? 0 : begin(relay);
}

void relay_position_load_lane(const struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	const struct cursor_lane *position = &relay->position.lane[lane->lane];
	const uint64_t wall = clock_wall_ns();
	uint64_t age_ns = 0;

	lane->safe = lane->settling = lane->acked.mark = position->mark;
	lane->settling_ns = now_ns;
	if (position->settling_at_ns == 0)
		return;
	lane->settling = position->settling;
	if (wall > position->settling_at_ns)
		age_ns = wall - position->settling_at_ns;
	lane->settling_ns = age_ns < now_ns ? now_ns - age_ns : 0;
}

void relay_position_save(struct relay *relay, uint64_t now_ns)
{
	bool changed = relay->unsaved;

	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		const struct relay_lane *lane = &relay->lanes[i];
		struct cursor_lane *position = &relay->position.lane[i];

		changed = changed || position->mark.checksum != lane->safe.checksum ||
			  (lane->settling.checksum != lane->safe.checksum &&
			   position->settling.checksum != lane->settling.checksum);
		position->mark = lane->safe;
		if (lane->settling.checksum == lane->safe.checksum) {
			position->settling = (struct lane_mark){0};
			position->settling_at_ns = 0;
		} else if (position->settling.checksum != lane->settling.checksum) {
			position->settling = lane->settling;
			position->settling_at_ns = clock_wall_ns() - (now_ns - lane->settling_ns);
		}
	}
	if (changed && relay->positioned)
		save(relay);
}

int relay_forget(const struct relay_options *options, struct error *error)
{
	struct relay relay = {.options = *options, .lock_fd = -1};
	struct stat info;
	int rc;

	snprintf(relay.position_path, sizeof(relay.position_path), "%s/downstream-%s",
		 options->data, options->name);
	if (safe_lstat(relay.position_path, &info) != 0)
		return error_say(error, -ENOENT,
				 "%s: there is none; --name says which position is removed",
				 relay.position_path);
	rc = take_lock(&relay);
	if (rc != 0)
		error_set(error, "%s", relay.error.text);
	if (rc == 0) {
		rc = safe_unlink(relay.position_path);
		if (rc == 0)
			rc = directory_sync(options->data);
		if (rc != 0)
			error_set(error, "%s: %s", relay.position_path, safe_strerror(rc));
	}
	if (relay.lock_fd >= 0)
		close(relay.lock_fd);
	return rc;
}
