#include "engine/checkpoint/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/journal/lane_files.h"

struct checkpoint {
	struct checkpoint_header header;
	int fd;
	uint64_t next_chunk;
	uint64_t offset; /* of the chunk */
	char path[CHECKPOINT_PATH_BYTES];
	_Alignas(CACHE_LINE_BYTES) uint8_t bytes[CHUNK_BYTES_MAX];
};

void checkpoint_path(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		     char out[CHECKPOINT_PATH_BYTES])
{
	char lane_path[CHECKPOINT_PATH_BYTES - 32];

	data_dir_lane_path(dir, lane, lane_path, sizeof(lane_path));
	snprintf(out, CHECKPOINT_PATH_BYTES, "%s/ckpt-%015" PRIu64, lane_path, next_lsn);
}

/* 0, -EBADMSG if the file is too short, or -errno. */
static int read_all(int fd, void *out, size_t bytes, uint64_t offset)
{
	size_t done = 0;

	while (done < bytes) {
		const ssize_t got =
			pread(fd, (uint8_t *)out + done, bytes - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		done += (size_t)got;
	}
	return 0;
}

static int say(const struct checkpoint *checkpoint, int rc, const char *what, struct error *error)
{
	return error_say(error, rc, "%s: %s", checkpoint->path, what);
}

static int open_file(struct checkpoint *checkpoint, const struct data_dir *dir, uint16_t lane,
		     uint64_t next_lsn, struct error *error)
{
	const struct checkpoint_header *header = &checkpoint->header;
	const char *wrong;
	struct stat info;
	int rc;

	checkpoint->fd = safe_open(checkpoint->path, O_RDONLY);
	rc = checkpoint->fd < 0 ? checkpoint->fd : 0;
	if (rc == 0 && fstat(checkpoint->fd, &info) != 0)
		rc = -errno;
	if (rc != 0)
		return say(checkpoint, rc, safe_strerror(rc), error);
	rc = read_all(checkpoint->fd, &checkpoint->header, sizeof(*header), 0);
	if (rc != 0)
		return say(checkpoint, rc,
			   rc == -EBADMSG ? "it ends within its header" : strerror(-rc), error);
	wrong = checkpoint_header_wrong(header, dir->journal_id, lane, dir->shards);
	if (checkpoint_header_foreign(header, dir->journal_id, lane, dir->shards))
		return say(checkpoint, -EXDEV, wrong, error);
	if (wrong == NULL && header->next_lsn != next_lsn)
		wrong = "it is another checkpoint under this name";
	if (wrong == NULL && (uint64_t)info.st_size != checkpoint_bytes(header))
		wrong = "it has another size than its header says";
	if (wrong != NULL)
		return say(checkpoint, -EBADMSG, wrong, error);
	/* Advice only. */
	(void)posix_fadvise(checkpoint->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	checkpoint->offset = sizeof(*header);
	return 0;
}

int checkpoint_open(struct checkpoint **out, const struct data_dir *dir, uint16_t lane,
		    uint64_t next_lsn, struct error *error)
{
	struct checkpoint *checkpoint =
		aligned_alloc(_Alignof(struct checkpoint), sizeof(*checkpoint));
	int rc;

	if (checkpoint == NULL) {
		error_set(error, "lane %u: no memory to read a checkpoint", lane);
		return -ENOMEM;
	}
	checkpoint->next_chunk = 0;
	checkpoint_path(dir, lane, next_lsn, checkpoint->path);
	rc = open_file(checkpoint, dir, lane, next_lsn, error);
	if (rc != 0) {
		checkpoint_close(checkpoint);
		return rc;
	}
	*out = checkpoint;
	return 0;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
	if (checkpoint != NULL && checkpoint->fd >= 0)
		close(checkpoint->fd);
	free(checkpoint);
}

const struct checkpoint_header *checkpoint_header(const struct checkpoint *checkpoint)
{
	return &checkpoint->header;
}

void checkpoint_position(const struct checkpoint_header *header, struct lane_position *position)
{
	*position = (struct lane_position){
		.tail = {.next_lsn = header->next_lsn,
			 .place.segment = header->segment,
			 .place.offset = header->offset,
			 .prev_checksum = header->prev_checksum,
			 .last_at_ns = header->clock_ns},
		.block_offset = header->block_offset,
		.watermark_lsn = header->watermark_lsn,
	};
}

static size_t chunk_bytes(uint32_t entry_cnt)
{
	return CHUNK_HEADER_BYTES + (size_t)entry_cnt * CHECKPOINT_ENTRY_BYTES;
}

static void show_chunk(struct checkpoint_chunk *chunk, const struct chunk_header *front)
{
	*chunk = (struct checkpoint_chunk){.cnt = front->entry_cnt};
	switch (front->kind) {
	case RECORD_OFFER:
		chunk->offers = (const struct record *)(front + 1);
		break;
	case RECORD_ORDER:
		chunk->orders = (const struct snapshot_order *)(front + 1);
		break;
	case RECORD_HOLD:
		chunk->holds = (const struct snapshot_hold *)(front + 1);
		chunk->cnt /= CHECKPOINT_HOLD_ENTRIES;
		break;
	case RECORD_LINK:
		chunk->links = (const struct snapshot_link *)(front + 1);
		break;
	case RECORD_PREPARED:
		chunk->prepared = (const struct snapshot_prepared *)(front + 1);
		chunk->cnt /= CHECKPOINT_PREPARED_ENTRIES;
		break;
	default:
		chunk->changes = (const struct snapshot_order *)(front + 1);
		break;
	}
}

void checkpoint_skip_to(struct checkpoint *checkpoint, uint16_t kind)
{
	const uint64_t first = chunk_first(&checkpoint->header, kind);
	uint16_t passed;

	for (; checkpoint->next_chunk < first; checkpoint->next_chunk++)
		checkpoint->offset += chunk_bytes(
			chunk_entries(&checkpoint->header, checkpoint->next_chunk, &passed));
	CHECK(checkpoint->next_chunk == first);
}

int checkpoint_next(struct checkpoint *checkpoint, struct checkpoint_chunk *chunk,
		    struct error *error)
{
	const struct checkpoint_header *header = &checkpoint->header;
	const struct chunk_header *front = (const struct chunk_header *)checkpoint->bytes;
	const char *wrong;
	uint16_t kind;
	const uint32_t cnt = chunk_entries(header, checkpoint->next_chunk, &kind);
	const size_t bytes = chunk_bytes(cnt);
	int rc;

	if (cnt == 0)
		return 0;
	rc = read_all(checkpoint->fd, checkpoint->bytes, bytes, checkpoint->offset);
	if (rc != 0)
		return say(checkpoint, rc,
			   rc == -EBADMSG ? "the file ends too early" : strerror(-rc), error);
	wrong = chunk_header_wrong(front, header, checkpoint->next_chunk);
	if (wrong == NULL && front->checksum != chunk_checksum(front, header))
		wrong = "wrong checksum";
	if (wrong != NULL) {
		return error_say(error, -EBADMSG, "%s: offset %" PRIu64 ": %s", checkpoint->path,
				 checkpoint->offset, wrong);
	}
	show_chunk(chunk, front);
	checkpoint->next_chunk++;
	checkpoint->offset += bytes;
	return 1;
}

static int load_chunk(struct shard *shard, const struct checkpoint_chunk *chunk, const char **why)
{
	if (chunk->offers != NULL)
		return shard_load_offers(shard, chunk->offers, chunk->cnt, why);
	if (chunk->orders != NULL)
		return shard_load_orders(shard, chunk->orders, chunk->cnt, why);
	if (chunk->holds != NULL)
		return shard_load_holds(shard, chunk->holds, chunk->cnt, why);
	if (chunk->links != NULL)
		return shard_load_links(shard, chunk->links, chunk->cnt, why);
	if (chunk->prepared != NULL)
		return shard_load_prepared(shard, chunk->prepared, chunk->cnt, why);
	return shard_load_changes(shard, chunk->changes, chunk->cnt, why);
}

/* What the entries of a checkpoint say beside the state that they give. */
struct content {
	uint64_t placed_cnt;
	uint64_t bought_cnt;
	uint64_t reserved; /* bytes of holds that must be 0, or'ed */
	bool is_new;
};

static void look_at(const struct checkpoint_chunk *chunk, struct content *content)
{
	for (uint32_t i = 0; chunk->offers != NULL && i < chunk->cnt; i++) {
		content->placed_cnt += chunk->offers[i].kind == RECORD_PLACED;
		content->is_new |= record_is_new(&chunk->offers[i]);
	}
	for (uint32_t i = 0; chunk->holds != NULL && i < chunk->cnt; i++) {
		const struct snapshot_hold *hold = &chunk->holds[i];

		content->bought_cnt += checkpoint_entry_kind(&hold->order) == RECORD_ORDER;
		content->reserved |= hold->reserved_32 | hold->reserved[0] | hold->reserved[1];
	}
	content->is_new |= chunk->holds != NULL || chunk->changes != NULL || chunk->links != NULL ||
			   chunk->prepared != NULL;
}

/* Older programs decide by the format; and the counts must be those of the entries. */
static const char *content_wrong(const struct checkpoint_header *header, const struct shard *shard,
				 const struct content *content)
{
	uint16_t format = CHECKPOINT_FORMAT;

	if (content->is_new || checkpoint_unsaved_cnt(header) > 0)
		format = CHECKPOINT_FORMAT_HOLDS;
	else if (shard_clock_backs(shard) > 0)
		format = CHECKPOINT_FORMAT_CLOCK;
	if (header->format != format)
		return "its format does not fit its content";
	if (content->reserved != 0)
		return "it has reserved bytes in use";
	if (header->placed_cnt != content->placed_cnt || header->bought_cnt != content->bought_cnt)
		return "its content is not what its header says";
	return NULL;
}

int checkpoint_load(struct checkpoint *checkpoint, struct shard *shard, struct error *error)
{
	const struct checkpoint_header *header = &checkpoint->header;
	struct content content = {0};
	struct checkpoint_chunk chunk;
	struct shard_hash hash;
	const char *why = "";
	int rc;

	while ((rc = checkpoint_next(checkpoint, &chunk, error)) == 1) {
		look_at(&chunk, &content);
		rc = load_chunk(shard, &chunk, &why);
		if (rc != 0)
			return say(checkpoint, rc, why, error);
	}
	if (rc != 0)
		return rc;
	why = content_wrong(header, shard, &content);
	if (why != NULL)
		return say(checkpoint, -EBADMSG, why, error);
	rc = shard_load_end(shard, header->next_lsn, header->last_at_ns, &why);
	if (rc != 0)
		return say(checkpoint, rc, why, error);
	hash = shard_hash(shard);
	if (hash.low == header->state_hash[0] && hash.high == header->state_hash[1])
		return 0;
	return say(checkpoint, -EBADMSG, "its content has another state hash", error);
}

int checkpoint_check(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		     struct error *error)
{
	struct checkpoint *checkpoint = NULL;
	struct checkpoint_chunk chunk;
	int rc = checkpoint_open(&checkpoint, dir, lane, next_lsn, error);

	while (rc == 0 && (rc = checkpoint_next(checkpoint, &chunk, error)) == 1)
		rc = 0;
	checkpoint_close(checkpoint);
	return rc;
}
