#include "engine/checkpoint/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checkpoint_records {
	struct checkpoint *checkpoint;
	struct record *offers; /* and CLOCK records */
	uint64_t *skus;        /* of the offers alone */
	uint64_t offer_cnt;
	uint64_t sku_cnt;
	uint64_t offer_next;
	const struct snapshot_order *orders; /* of the chunk read last */
	uint32_t order_cnt;
	uint32_t order_next;
	uint64_t orders_left; /* after that chunk */
	uint64_t lsn;
	char path[CHECKPOINT_PATH_BYTES];
};

static int read_offers(struct checkpoint_records *records, struct error *error)
{
	const uint64_t offer_cnt = checkpoint_header(records->checkpoint)->offer_cnt;
	struct checkpoint_chunk chunk;

	records->offers = calloc(offer_cnt + 1, sizeof(*records->offers));
	records->skus = calloc(offer_cnt + 1, sizeof(*records->skus));
	if (records->offers == NULL || records->skus == NULL) {
		return error_say(error, -ENOMEM, "%s: no memory for its %" PRIu64 " offers",
				 records->path, offer_cnt);
	}
	while (records->offer_cnt < offer_cnt) {
		const int rc = checkpoint_next(records->checkpoint, &chunk, error);

		if (rc < 0)
			return rc;
		memcpy(records->offers + records->offer_cnt, chunk.offers,
		       chunk.cnt * sizeof(*records->offers));
		records->offer_cnt += chunk.cnt;
		for (uint32_t i = 0; i < chunk.cnt; i++) {
			if (chunk.offers[i].kind == RECORD_OFFER)
				records->skus[records->sku_cnt++] = chunk.offers[i].sku;
		}
	}
	return 0;
}

int checkpoint_records_open(struct checkpoint_records **out, const struct data_dir *dir,
			    uint16_t lane, uint64_t next_lsn, struct error *error)
{
	struct checkpoint_records *records = calloc(1, sizeof(*records));
	int rc;

	if (records == NULL)
		return error_say(error, -ENOMEM, "lane %u: no memory to read a checkpoint", lane);
	checkpoint_path(dir, lane, next_lsn, records->path);
	records->lsn = 1;
	rc = checkpoint_open(&records->checkpoint, dir, lane, next_lsn, error);
	if (rc == 0)
		rc = read_offers(records, error);
	if (rc != 0) {
		checkpoint_records_close(records);
		return rc;
	}
	records->orders_left = checkpoint_header(records->checkpoint)->order_cnt;
	*out = records;
	return 0;
}

void checkpoint_records_close(struct checkpoint_records *records)
{
	if (records == NULL)
		return;
	checkpoint_close(records->checkpoint);
	free(records->offers);
	free(records->skus);
	free(records);
}

const struct checkpoint_header *checkpoint_records_header(const struct checkpoint_records *records)
{
	return checkpoint_header(records->checkpoint);
}

/* The order that comes next, or NULL after the last. 0 or -errno. */
static int next_order(struct checkpoint_records *records, const struct snapshot_order **order,
		      struct error *error)
{
	struct checkpoint_chunk chunk;

	*order = NULL;
	if (records->order_next == records->order_cnt) {
		if (records->orders_left == 0)
			return 0;

		const int rc = checkpoint_next(records->checkpoint, &chunk, error);

		if (rc < 0)
			return rc;
		records->orders = chunk.orders;
		records->order_cnt = chunk.cnt;
		records->order_next = 0;
		records->orders_left -= chunk.cnt;
	}
	*order = &records->orders[records->order_next];
	return 0;
}

static struct record record_of(const struct snapshot_order *order, uint64_t sku)
{
	return (struct record){
		.kind = RECORD_ORDER,
		.quantity = (uint16_t)order->lsn_quantity,
		.channel = order->channel,
		.at_ns = order->at_ns,
		.sku = sku,
		.unit_price = order->unit_price,
		.order = {.request_id = {order->request_id[0], order->request_id[1]},
			  .buyer = order->buyer,
			  .max_price = order->max_price},
	};
}

int checkpoint_records_next(struct checkpoint_records *records, uint64_t *lsn,
			    struct record *record, struct error *error)
{
	const struct snapshot_order *order;
	int rc = 0;

	if (records->lsn == checkpoint_header(records->checkpoint)->next_lsn)
		return 0;
	rc = next_order(records, &order, error);
	if (rc != 0)
		return rc;

	const uint64_t order_lsn =
		order == NULL ? UINT64_MAX : order->lsn_quantity >> QUANTITY_BITS;

	*lsn = records->lsn;
	if (order != NULL && order_lsn == records->lsn && order->offer < records->sku_cnt) {
		*record = record_of(order, records->skus[order->offer]);
		records->order_next++;
	} else if (order_lsn > records->lsn && records->offer_next < records->offer_cnt) {
		*record = records->offers[records->offer_next++];
	} else {
		return error_say(error, -EBADMSG, "%s: no record of it can be LSN %" PRIu64,
				 records->path, records->lsn);
	}
	records->lsn++;
	return 1;
}
