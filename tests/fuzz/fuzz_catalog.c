/*
 * fuzz_catalog: arbitrary bytes as a catalog. What is taken keeps the rules of a catalog, and
 * written out it is read again as the same. What is refused has faults that name their place, no
 * more of them than are shown, and a line that counts them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/catalog/catalog.h"
#include "engine/catalog/difference.h"
#include "engine/catalog/placement.h"
#include "net/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int load_bytes(const void *data, size_t bytes, FILE *say, struct catalog **out,
		      struct error *error)
{
	const int fd = memfd_create("catalog", MFD_CLOEXEC);
	char path[64];
	int rc;

	CHECK(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = catalog_load_saying(path, say, out, error);
	close(fd);
	return rc;
}

static void check_rules(const struct catalog *catalog)
{
	CHECK(catalog->cnt > 0);
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];

		CHECK(offer->closes_at_ns > offer->opens_at_ns && offer->line > 1);
		CHECK(offer->extensions == 0 || offer->hold_seconds > 0);
		CHECK((offer->group == 0) == (offer->group_limit == 0));
		CHECK(offer->shard < SHARDS_MAX && !offer->placed);
		/* Inputs are short. */
		for (uint32_t j = 0; j < i; j++) {
			const struct catalog_offer *other = &catalog->offers[j];

			CHECK(other->sku != offer->sku);
			if (offer->group == 0 || other->group != offer->group)
				continue;
			CHECK(other->group_limit == offer->group_limit);
			CHECK(!other->shard_named || !offer->shard_named ||
			      other->shard == offer->shard);
		}
	}
}

/* Placed, each SKU is where its line or its number says, a group is in one shard, and the records
 * say the same as the file. */
static void check_placed(const struct catalog *catalog)
{
	const size_t bytes = sizeof(*catalog) + catalog->cnt * sizeof(catalog->offers[0]);
	struct catalog *placed = malloc(bytes);
	struct error error;

	CHECK(placed != NULL);
	memcpy(placed, catalog, bytes);
	CHECK(catalog_place(placed, "fuzz", NULL, SHARDS_MAX, NULL, &error) == 0);
	for (uint32_t i = 0; i < placed->cnt; i++) {
		const struct catalog_offer *line = &placed->offers[i];
		const struct record record = catalog_record(line, 1);
		struct catalog *again = NULL;

		CHECK(line->placed == (line->shard != wire_shard_of(line->sku, SHARDS_MAX)));
		CHECK(line->group > 0 || line->shard_named || !line->placed);
		CHECK(!line->shard_named || line->shard == catalog->offers[i].shard);
		for (uint32_t j = 0; line->group > 0 && j < i; j++)
			CHECK(placed->offers[j].group != line->group ||
			      placed->offers[j].shard == line->shard);
		CHECK(catalog_add_records(&again, line->shard, &record, 1) == 0);
		for (unsigned column = 0; column < CATALOG_COLUMN_CNT; column++)
			CHECK(catalog_column_value(line, column) ==
			      catalog_column_value(&again->offers[0], column));
		catalog_free(again);
	}
	catalog_free(placed);
}

static void check_written(const struct catalog *catalog)
{
	struct catalog *again = NULL;
	struct error error;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	CHECK(out != NULL);
	catalog_write(catalog, out);
	CHECK(fclose(out) == 0);
	CHECK(load_bytes(text, bytes, NULL, &again, &error) == 0);
	CHECK(again->cnt == catalog->cnt);
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		for (unsigned column = 0; column < CATALOG_COLUMN_CNT; column++)
			CHECK(catalog_column_value(&catalog->offers[i], column) ==
			      catalog_column_value(&again->offers[i], column));
		CHECK(catalog->offers[i].shard_named == again->offers[i].shard_named);
	}
	catalog_free(again);
	free(text);
}

static void check_refused(const char *said, const struct error *error)
{
	unsigned lines = 0;

	CHECK(strstr(error->text, "/proc/self/fd/") != NULL);
	for (const char *at = said; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	/* One alone is a note: which columns are not read. */
	CHECK(lines <= 1 || strstr(error->text, " faults; the first: ") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct catalog *catalog = NULL;
	struct error error;
	char *said = NULL;
	size_t said_bytes = 0;
	FILE *say = open_memstream(&said, &said_bytes);
	int rc;

	CHECK(say != NULL);
	error_clear(&error);
	rc = load_bytes(data, bytes, say, &catalog, &error);
	CHECK(fclose(say) == 0);
	if (rc == 0) {
		check_rules(catalog);
		check_written(catalog);
		check_placed(catalog);
	} else {
		CHECK(rc == -EINVAL);
		check_refused(said, &error);
	}
	catalog_free(catalog);
	free(said);
	return 0;
}
