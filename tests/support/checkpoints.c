#include "tests/support/checkpoints.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "net/wire.h"
#include "tests/support/sale.h"

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return mix64(*state);
}

static struct record random_order(uint64_t *state, uint64_t at_ns)
{
	const uint64_t price = next_random(state) % 3;

	return (struct record){
		.kind = RECORD_ORDER,
		.quantity = (uint16_t)(1 + next_random(state) % 3),
		.channel = (uint32_t)next_random(state),
		.at_ns = at_ns,
		.sku = next_random(state) % 40,
		.unit_price = 500,
		.order = {.request_id = {next_random(state), next_random(state)},
			  .buyer = next_random(state) % 1000,
			  .max_price = price == 0 ? 0 : 500 + price},
	};
}

void random_sale(struct shard *shard, uint64_t seed, uint32_t cnt)
{
	uint64_t state = seed;

	for (uint32_t i = 0; i < cnt; i++) {
		const uint64_t at_ns = shard_last_at_ns(shard) + next_random(&state) % 3;
		struct record record = random_order(&state, at_ns);
		const char *why = NULL;

		if (i == 0 || next_random(&state) % 50 == 0) {
			record = sale_offer(next_random(&state) % 40, 10 + i, 500,
					    (uint32_t)(next_random(&state) % 5));
			record.at_ns = at_ns;
			record.offer.hold_seconds = (uint32_t)(next_random(&state) % 300);
		}
		if (i > 0 && next_random(&state) % 200 == 0)
			record = (struct record){.kind = RECORD_CLOCK,
						 .at_ns = at_ns - at_ns / 3,
						 .clock = {.was_ns = at_ns + 1}};
		CHECK(shard_apply(shard, shard_next_lsn(shard), &record, &why) <= 0);
	}
}

struct lane_position any_position(const struct shard *shard)
{
	return (struct lane_position){
		.tail = {.next_lsn = shard_next_lsn(shard),
			 .place.segment = 3,
			 .place.offset = UINT64_C(5) * BLOCK_ALIGN_BYTES,
			 .prev_checksum = 0x0123456789abcdef,
			 .last_at_ns = shard_last_at_ns(shard) + 7},
		.block_offset = UINT64_C(4) * BLOCK_ALIGN_BYTES,
		.watermark_lsn = shard_next_lsn(shard) - 2,
	};
}

void flip_bit(const char *path, uint64_t bit)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	CHECK(fd >= 0);
	CHECK(pread(fd, &byte, 1, (off_t)(bit / 8)) == 1);
	byte ^= (uint8_t)(1U << bit % 8);
	CHECK(pwrite(fd, &byte, 1, (off_t)(bit / 8)) == 1);
	close(fd);
}

uint64_t file_bytes(const char *path)
{
	struct stat info;

	CHECK(stat(path, &info) == 0);
	return (uint64_t)info.st_size;
}

void copy_file(const char *from, const char *to)
{
	const uint64_t bytes = file_bytes(from);
	uint8_t *buffer = malloc(bytes + 1);
	const int in = open(from, O_RDONLY | O_CLOEXEC);
	const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(buffer != NULL && in >= 0 && out >= 0);
	CHECK(read(in, buffer, bytes) == (ssize_t)bytes);
	CHECK(write(out, buffer, bytes) == (ssize_t)bytes);
	close(in);
	close(out);
	free(buffer);
}
