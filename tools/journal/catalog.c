/*
 * catalog: dump --catalog: what a journal has on sale as a catalog file, by SKU, or every
 * difference between that and a file. No engine need run; one may.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/catalog/difference.h"
#include "engine/catalog/placement.h"
#include "engine/checkpoint/list.h"
#include "engine/recover/scan.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

static int add_lane(const struct data_dir *dir, uint16_t lane, struct catalog **catalog,
		    struct error *error)
{
	/* So that no prune or checkpoint removes a file meanwhile. */
	const int hold = checkpoint_hold(dir, lane);
	struct recover_scan scan = {0};
	int rc = recover_scan(dir, lane, &scan, error);

	if (rc == 0) {
		rc = catalog_add_records(catalog, lane, scan.offers, scan.offer_cnt);
		if (rc != 0)
			error_set(error, "lane %u: no memory for its offers", lane);
	}
	recover_scan_free(&scan);
	if (hold >= 0)
		close(hold);
	return rc;
}

static void print_difference(void *context, const struct catalog_difference *difference)
{
	struct error text;

	catalog_difference_text(context, difference, &text);
	puts(text.text);
}

static int compare(const char *path, uint16_t shards, const struct catalog *on_sale)
{
	struct catalog_differences found;
	struct catalog *file = NULL;
	struct error error;
	int rc = catalog_load_saying(path, stderr, &file, &error);

	if (rc == 0)
		rc = catalog_place(file, path, stderr, shards, on_sale, &error);
	if (rc != 0) {
		catalog_free(file);
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	rc = catalog_compare(file, on_sale, print_difference, (void *)path, &found);
	catalog_free(file);
	if (rc != 0) {
		cli_wrong("%s: no memory to compare it", path);
		return CLI_EXIT_FAILED;
	}
	printf("%" PRIu64 " SKUs on sale: %" PRIu64 " the same, %" PRIu64
	       " with other terms, %" PRIu64 " missing in the file, %" PRIu64 " new in it\n",
	       found.on_sale, found.same, found.cnt[CATALOG_OTHER], found.cnt[CATALOG_MISSING],
	       found.cnt[CATALOG_NEW]);
	return catalog_differs(&found) ? CLI_EXIT_BAD : CLI_EXIT_GOOD;
}

int journal_catalog(const struct tool_options *options)
{
	struct catalog *on_sale = NULL;
	struct data_dir dir;
	struct error error;
	int result = CLI_EXIT_GOOD;

	if (!journal_open_dir(&dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	for (uint16_t lane = 0; lane < dir.shards; lane++) {
		const int rc = add_lane(&dir, lane, &on_sale, &error);

		/* A part of what is on sale would pass for all of it. */
		if (rc != 0) {
			cli_wrong("%s", error.text);
			catalog_free(on_sale);
			return rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
		}
	}
	/* A journal has a lane at least. */
	CHECK(on_sale != NULL);
	catalog_sort(on_sale);
	if (options->against != NULL) {
		result = compare(options->against, dir.shards, on_sale);
	} else {
		catalog_write(on_sale, stdout);
	}
	catalog_free(on_sale);
	return result;
}
