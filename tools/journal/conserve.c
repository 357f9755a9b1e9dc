#include "tools/journal/conserve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"

/* Where a SKU is among the shard's offers. */
struct place {
	uint64_t sku;
	uint64_t number; /* of the offer, from 1 on; 0: free */
};

struct conserve {
	const struct shard *shard;
	struct place *places; /* open addressing */
	uint64_t mask;
	uint64_t offer_cnt; /* in it */
	uint64_t offer_max;
	uint64_t block_cnt;
	uint16_t lane;
};

int conserve_open(struct conserve **out, const struct shard *shard, uint16_t lane,
		  uint64_t offer_cnt, struct error *error)
{
	struct conserve *conserve = calloc(1, sizeof(*conserve));
	uint64_t room = 2;

	/* At most half full. */
	while (room < 2 * (offer_cnt + 1))
		room *= 2;
	if (conserve != NULL)
		conserve->places = calloc(room, sizeof(*conserve->places));
	if (conserve == NULL || conserve->places == NULL) {
		free(conserve);
		return error_say(error, -ENOMEM, "lane %u: no memory to look at %" PRIu64 " SKUs",
				 lane, offer_cnt);
	}
	conserve->shard = shard;
	conserve->mask = room - 1;
	conserve->offer_max = offer_cnt;
	conserve->lane = lane;
	*out = conserve;
	return 0;
}

void conserve_close(struct conserve *conserve)
{
	if (conserve != NULL)
		free(conserve->places);
	free(conserve);
}

static struct place *place_of(const struct conserve *conserve, uint64_t sku)
{
	uint64_t at = mix64(sku) & conserve->mask;

	while (conserve->places[at].number != 0 && conserve->places[at].sku != sku)
		at = (at + 1) & conserve->mask;
	return &conserve->places[at];
}

/* Takes note of the offers that the shard got since. */
static void learn(struct conserve *conserve)
{
	struct shard_sums sums;
	struct offer_view offer;

	shard_sums(conserve->shard, &sums);
	CHECK(sums.offers <= conserve->offer_max);
	for (; conserve->offer_cnt < sums.offers; conserve->offer_cnt++) {
		struct place *place;

		shard_offer_at(conserve->shard, conserve->offer_cnt, &offer);
		place = place_of(conserve, offer.sku);
		CHECK(place->number == 0);
		*place = (struct place){.sku = offer.sku, .number = conserve->offer_cnt + 1};
	}
}

static int prove(const struct conserve *conserve, uint64_t idx, struct error *error)
{
	struct offer_view offer;
	struct offer_terms terms;

	shard_offer_at(conserve->shard, idx, &offer);
	shard_terms_at(conserve->shard, idx, &terms);
	if (offer.stock == (uint64_t)offer.free + offer.held + offer.sold + terms.written_off)
		return 0;
	return error_say(error, -EBADMSG,
			 "lane %u: after LSN %" PRIu64 " the %u units of SKU %" PRIu64
			 " are not %u free + %u held + %u sold + %u written off: this doorbuster "
			 "counts wrong, as every record of it could follow; report it",
			 conserve->lane, shard_next_lsn(conserve->shard) - 1, offer.stock,
			 offer.sku, offer.free, offer.held, offer.sold, terms.written_off);
}

int conserve_all(struct conserve *conserve, struct error *error)
{
	int rc = 0;

	learn(conserve);
	for (uint64_t i = 0; i < conserve->offer_cnt && rc == 0; i++)
		rc = prove(conserve, i, error);
	return rc;
}

int conserve_block(void *context, const struct block_header *block, const struct record *records,
		   struct error *error)
{
	struct conserve *conserve = context;
	uint64_t last = 0;
	int rc = 0;

	learn(conserve);
	for (uint32_t i = 0; i < block->record_cnt && rc == 0; i++) {
		const uint64_t number = place_of(conserve, records[i].sku)->number;

		/* CLOCK, PLACED and LINK records are of no SKU that is sold here. */
		if (number == 0 || number == last)
			continue;
		rc = prove(conserve, number - 1, error);
		last = number;
	}
	conserve->block_cnt += rc == 0 && block->record_cnt > 0;
	return rc;
}

uint64_t conserve_blocks(const struct conserve *conserve)
{
	return conserve->block_cnt;
}
