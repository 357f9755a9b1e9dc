#include "engine/sale/links.h"

#include <errno.h>

#include "engine/base/check.h"
#include "engine/sale/apply.h"

/* Whether the payment of this LSN is a refund. */
static bool is_refund(const struct orders *orders, uint64_t lsn)
{
	uint32_t low = 0;
	uint32_t high = orders->change_cnt;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (orders->changes[middle].lsn < lsn)
			low = middle + 1;
		else
			high = middle;
	}
	DCHECK(low == 0 || orders->changes[low - 1].lsn < lsn);
	return low < orders->change_cnt && orders->changes[low].lsn == lsn &&
	       orders->changes[low].kind == RECORD_CONFIRM &&
	       (orders->changes[low].flags & CONFIRM_REFUND) != 0;
}

bool links_decided(const struct shard *shard, const uint64_t id[2], uint64_t sku,
		   uint16_t line_shard, bool *refund)
{
	CHECK(line_shard < shard->shards);
	for (uint64_t i = shard->links.cnt; i-- > 0;) {
		const struct snapshot_link *link = &shard->links.list[i];

		if (link->request_id[0] != id[0] || link->request_id[1] != id[1] ||
		    link->sku != sku || link->shard != line_shard)
			continue;
		*refund = is_refund(&shard->orders, link->first_lsn);
		return true;
	}
	return false;
}

bool links_has_room(const struct shard *shard, uint32_t cnt)
{
	DCHECK(shard->links.cnt <= shard->links.cnt_max);
	return shard->links.cnt + cnt <= shard->links.cnt_max;
}

static void add(struct shard *shard, const struct snapshot_link *link)
{
	DCHECK(links_has_room(shard, 1));
	DCHECK(link->first_lsn > 0 && link->first_lsn < link->lsn);
	DCHECK(shard->links.cnt == 0 || shard->links.list[shard->links.cnt - 1].lsn < link->lsn);
	shard->links.list[shard->links.cnt++] = *link;
}

void link_commit(struct shard *shard, const struct snapshot_link *line, uint64_t now_ns,
		 struct record *record)
{
	struct snapshot_link link = *line;

	CHECK(line->shard < shard->shards && line->shard != shard->lane);
	DCHECK(line->first_lsn > 0 && line->first_lsn < shard->next_lsn);
	link.at_ns = now_ns;
	link.lsn = shard->next_lsn;
	*record = record_of_link(&link);
	add(shard, &link);
	shard_end_record(shard, record);
}

/* A basket's records stand together: so its first line is not far before its links. */
static const char *link_wrong(const struct shard *shard, const struct snapshot_link *link)
{
	if (link->shard >= shard->shards || link->shard == shard->lane)
		return "link to an impossible shard";
	if ((link->request_id[0] | link->request_id[1]) == 0)
		return "link without a request id";
	if (link->first_lsn == 0 || link->first_lsn >= link->lsn ||
	    link->lsn - link->first_lsn >= WIRE_ENTRY_CNT_MAX)
		return "link of a basket that does not begin before it";
	return NULL;
}

int apply_link(struct shard *shard, const struct record *record, const char **why)
{
	const struct snapshot_link link = link_of_record(record, shard->next_lsn);

	if ((record->channel | record->unit_price) != 0)
		return bad(why, "link with reserved bytes in use");
	if (link_wrong(shard, &link) != NULL)
		return bad(why, link_wrong(shard, &link));
	*why = "more links than the tables were made for";
	if (!links_has_room(shard, 1))
		return -ENOSPC;
	add(shard, &link);
	shard_end_record(shard, record);
	return 0;
}

int links_load(struct shard *shard, const struct snapshot_link *link, const char **why)
{
	const struct links *links = &shard->links;

	if (link_wrong(shard, link) != NULL)
		return bad(why, link_wrong(shard, link));
	if (link->goes_on > 1 || link->reserved != 0)
		return bad(why, "link with reserved bytes in use");
	if (links->cnt > 0 && links->list[links->cnt - 1].lsn >= link->lsn)
		return bad(why, "links that are not in lane order");
	*why = "more links than the tables were made for";
	if (!links_has_room(shard, 1))
		return -ENOSPC;
	add(shard, link);
	return 0;
}
