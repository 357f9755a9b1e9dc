#include "tools/replay/fresh.h"

#include "net/tag.h"

/* Writes a date, also if there was none: the item has room. */
static void date(struct fresh *fresh, struct ahead_item *item, uint64_t engine_ns)
{
	struct wire_header *header = (struct wire_header *)item->datagram;
	struct wire_date date = {engine_ns, FRESH_VALID_MS, fresh->sale};

	if (wire_is_dated(item->datagram)) {
		const struct wire_date was = wire_date_of(item->datagram);

		if (fresh->captured_sale == 0)
			fresh->captured_sale = was.sale;
		date.issued_at_ns -= item->at_ns - was.issued_at_ns;
		date.valid_ms = was.valid_ms;
		/* The captured sale becomes the engine's; any other sale stays another. */
		date.sale ^= was.sale ^ fresh->captured_sale;
	}
	header->flags |= WIRE_FLAG_DATED;
	*wire_date(item->datagram) = date;
	item->bytes = wire_bytes(item->datagram);
}

void fresh_request(struct fresh *fresh, struct ahead_item *item, uint64_t engine_ns)
{
	struct wire_header *header = (struct wire_header *)item->datagram;
	const struct key *key = keys_find(fresh->keys, header->key_id);

	if (key == NULL)
		key = &fresh->keys->keys[fresh->fallback];
	header->key_id = key->id;
	if (fresh->sale != 0)
		date(fresh, item, engine_ns);
	tag_sign(item->datagram, item->bytes, key->bytes);
}

uint32_t fresh_sale_of(enum captured_kind kind, const uint8_t *datagram)
{
	const struct wire_reply *reply = (const struct wire_reply *)(datagram + WIRE_HEADER_BYTES);

	if (wire_is_dated(datagram))
		return wire_date_of(datagram).sale;
	if (kind == CAPTURED_REPLY && reply->verdict == VERDICT_PONG &&
	    reply->order_id <= UINT32_MAX)
		return (uint32_t)reply->order_id;
	return 0;
}

uint32_t fresh_captured_sale(struct ahead *ahead, bool believe_requests)
{
	const struct ahead_item *item;
	uint32_t of_request = 0;

	for (uint32_t i = 0; (item = ahead_peek_at(ahead, i)) != NULL; i++) {
		const uint32_t sale = fresh_sale_of((enum captured_kind)item->kind, item->datagram);

		if (sale != 0 && item->kind == CAPTURED_REPLY)
			return sale;
		if (of_request == 0)
			of_request = sale;
	}
	return believe_requests ? of_request : 0;
}
