/*
 * offline_sale: an offline sale for tests, fed as run_offline feeds it: datagram by datagram or
 * many at once.
 */
#ifndef DB_TESTS_SUPPORT_OFFLINE_SALE_H
#define DB_TESTS_SUPPORT_OFFLINE_SALE_H

#include <stdint.h>

#include "tools/replay/compare.h"
#include "tools/replay/offline.h"

enum {
	OFFLINE_SKU = 1001,
	OFFLINE_ITEMS_MAX = 64,
	OFFLINE_OFFERS_MAX = 4,
};

/* The sale begins then; instants below count in seconds from it. */
static const uint64_t OFFLINE_BEGIN_NS = UINT64_C(1700000000000000000);
static const uint64_t OFFLINE_SECOND_NS = 1000000000;

struct offline_sale {
	struct catalog *catalog;
	struct compare *compare;
	struct offline *offline;
	struct batch batch;
	uint8_t datagrams[OFFLINE_ITEMS_MAX][WIRE_DATAGRAM_BYTES_MAX];
	struct wire_reply replies[OFFLINE_ITEMS_MAX * 4]; /* in the order of the requests */
	uint32_t reply_cnt;
};

/* A catalog of this line with so many SKUs in a row, OFFLINE_SKU the first; the caller frees it. */
struct catalog *offline_catalog(const struct catalog_offer *line, uint32_t cnt);

/* Takes the catalog over. journal: NULL, or a directory to be made. */
struct offline_sale *offline_sale_open(struct catalog *catalog, uint16_t shards,
				       const char *journal);
void offline_sale_close(struct offline_sale *sale);

/* A datagram of one entry more to be decided, with a request id of its own; its entry. */
struct wire_request *offline_ask(struct offline_sale *sale, uint64_t at_s, uint8_t op,
				 uint64_t buyer, uint16_t quantity, uint64_t order_id);

/* Decides what was asked; the answers to it. */
const struct wire_reply *offline_decide_all(struct offline_sale *sale);
void offline_sale_finish(struct offline_sale *sale);

#endif
