#include "tests/support/offline_sale.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/catalog/placement.h"

struct catalog *offline_catalog(const struct catalog_offer *line, uint32_t cnt)
{
	struct catalog *catalog =
		calloc(1, sizeof(*catalog) + OFFLINE_OFFERS_MAX * sizeof(catalog->offers[0]));

	cr_assert_leq(cnt, OFFLINE_OFFERS_MAX);
	catalog->cnt = cnt;
	for (uint32_t i = 0; i < cnt; i++) {
		catalog->offers[i] = *line;
		catalog->offers[i].sku = OFFLINE_SKU + i;
		catalog->offers[i].closes_at_ns = INSTANT_NEVER;
	}
	return catalog;
}

struct offline_sale *offline_sale_open(struct catalog *catalog, uint16_t shards,
				       const char *journal)
{
	struct offline_sale *sale = calloc(1, sizeof(*sale));
	struct error error;

	sale->catalog = catalog;
	sale->compare = compare_open(10);
	cr_assert_eq(catalog_place(catalog, "catalog", stderr, shards, NULL, &error), 0, "%s",
		     error.text);
	cr_assert_eq(offline_open(&sale->offline,
				  &(struct offline_options){
					  .catalog = catalog,
					  .shards = shards,
					  .first_ns = OFFLINE_BEGIN_NS,
					  .journal_id = 1,
					  .sale = wire_sale_of(1),
					  .orders = compare_orders(sale->compare),
					  .journal = journal,
					  .segment_bytes = 1 << 20,
				  },
				  &error),
		     0, "%s", error.text);
	return sale;
}

void offline_sale_close(struct offline_sale *sale)
{
	offline_close(sale->offline);
	compare_close(sale->compare);
	free(sale->catalog);
	free(sale);
}

struct wire_request *offline_ask(struct offline_sale *sale, uint64_t at_s, uint8_t op,
				 uint64_t buyer, uint16_t quantity, uint64_t order_id)
{
	const uint32_t i = sale->batch.item_cnt++;
	struct wire_header *header = (struct wire_header *)sale->datagrams[i];
	struct wire_request *request = wire_requests(sale->datagrams[i]);
	static uint64_t last_id;

	cr_assert_lt(i, OFFLINE_ITEMS_MAX);
	*header = (struct wire_header){.magic = WIRE_MAGIC,
				       .version = WIRE_VERSION,
				       .kind = WIRE_KIND_REQUEST,
				       .count = 1,
				       .shard_map_version = WIRE_SHARD_MAP_VERSION,
				       .echo = ++last_id};
	*request = (struct wire_request){.id = {last_id, 1},
					 .buyer = buyer,
					 .sku = OFFLINE_SKU,
					 .price_or_order = order_id,
					 .quantity = quantity,
					 .op = op};
	sale->batch.items[i] = (struct batch_item){
		.datagram = sale->datagrams[i],
		.at_ns = OFFLINE_BEGIN_NS + at_s * OFFLINE_SECOND_NS,
		.names_order = order_map_names(request),
	};
	sale->batch.request_cnt++;
	return request;
}

static void on_reply(void *context, const struct batch_item *item, const uint8_t *datagram)
{
	struct offline_sale *sale = context;

	for (uint32_t i = 0; i < wire_count(item->datagram); i++)
		sale->replies[sale->reply_cnt++] = wire_replies((uint8_t *)datagram)[i];
}

const struct wire_reply *offline_decide_all(struct offline_sale *sale)
{
	struct error error;

	sale->reply_cnt = 0;
	cr_assert_eq(offline_decide(sale->offline, &sale->batch, on_reply, sale, &error), 0, "%s",
		     error.text);
	cr_assert_geq(sale->reply_cnt, sale->batch.item_cnt);
	sale->batch.item_cnt = 0;
	sale->batch.request_cnt = 0;
	return sale->replies;
}

void offline_sale_finish(struct offline_sale *sale)
{
	struct error error;

	cr_assert_eq(offline_finish(sale->offline, &error), 0, "%s", error.text);
}
