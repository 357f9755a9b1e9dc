/*
 * client_ask: what a gateway asks, a function an op. Each gives a request for client_submit, or a
 * line for client_submit_basket, with an id of all zero, which asks for a random one: set `id`
 * where a retry must be the same request, `channel`, `user` and `intended_ns` where they matter.
 * WIRE.md says what each op does, and what its verdicts mean.
 *
 * All of a request but `user` and `intended_ns` is its content: under the same id it must stay as
 * it is. Nothing here can fail, and any thread may call it.
 */
#ifndef DB_NET_CLIENT_ASK_H
#define DB_NET_CLIENT_ASK_H

#include "net/client.h"

/* max_price of a buyer that takes any price. A max_price of 0: only if it is free. */
#define CLIENT_ANY_PRICE UINT64_MAX

static inline struct client_request client_ask_for(enum wire_op op, uint64_t sku, uint64_t buyer,
						   uint16_t quantity, uint64_t max_price)
{
	return (struct client_request){
		.buyer = buyer,
		.sku = sku,
		.price_or_order = max_price == CLIENT_ANY_PRICE ? 0 : max_price,
		.quantity = quantity,
		.op = (uint8_t)op,
		.flags = max_price == 0 ? WIRE_ENTRY_AT_MOST_0 : 0,
	};
}

/* Buys units, 1.., each at most at max_price, minor units. */
static inline struct client_request client_ask_buy(uint64_t sku, uint64_t buyer, uint16_t quantity,
						   uint64_t max_price)
{
	return client_ask_for(WIRE_OP_BUY, sku, buyer, quantity, max_price);
}

/* Sets them aside for the buyer until the instant of the answer; its order id names the hold. */
static inline struct client_request client_ask_hold(uint64_t sku, uint64_t buyer, uint16_t quantity,
						    uint64_t max_price)
{
	return client_ask_for(WIRE_OP_HOLD, sku, buyer, quantity, max_price);
}

/* What is asked of an order that the engine named, and of the SKU and the buyer that it has. */
static inline struct client_request client_ask_of(enum wire_op op, uint64_t sku, uint64_t buyer,
						  uint64_t order_id, uint16_t quantity)
{
	return (struct client_request){
		.buyer = buyer,
		.sku = sku,
		.price_or_order = order_id,
		.quantity = quantity,
		.op = (uint8_t)op,
	};
}

/* Units of a hold, 1.., were paid: they are sold at the held price, and the rest is released. After
 * the answer HOLD_EXPIRED, which is final, the money goes back. */
static inline struct client_request client_ask_confirm(uint64_t sku, uint64_t buyer,
						       uint64_t order_id, uint16_t quantity)
{
	return client_ask_of(WIRE_OP_CONFIRM, sku, buyer, order_id, quantity);
}

/* Gives units of a hold back; 0: all that it still holds. */
static inline struct client_request client_ask_release(uint64_t sku, uint64_t buyer,
						       uint64_t order_id, uint16_t quantity)
{
	return client_ask_of(WIRE_OP_RELEASE, sku, buyer, order_id, quantity);
}

/* A whole basket of holds was paid, or is given back: of its first line the SKU and the order id.
 * One request with one answer, for client_submit. */
static inline struct client_request client_ask_whole(enum wire_op op, uint64_t first_sku,
						     uint64_t buyer, uint64_t first_order_id)
{
	struct client_request request = client_ask_of(op, first_sku, buyer, first_order_id, 0);

	request.flags = WIRE_ENTRY_WHOLE_BASKET;
	return request;
}

static inline struct client_request client_ask_confirm_whole(uint64_t first_sku, uint64_t buyer,
							     uint64_t first_order_id)
{
	return client_ask_whole(WIRE_OP_CONFIRM, first_sku, buyer, first_order_id);
}

static inline struct client_request client_ask_release_whole(uint64_t first_sku, uint64_t buyer,
							     uint64_t first_order_id)
{
	return client_ask_whole(WIRE_OP_RELEASE, first_sku, buyer, first_order_id);
}

/* Lengthens a hold, as the offer allows. */
static inline struct client_request client_ask_extend(uint64_t sku, uint64_t buyer,
						      uint64_t order_id)
{
	return client_ask_of(WIRE_OP_EXTEND, sku, buyer, order_id, 0);
}

/* Takes sold units back, 1..; write_off: they are not for sale again. */
static inline struct client_request client_ask_return(uint64_t sku, uint64_t buyer,
						      uint64_t order_id, uint16_t quantity,
						      bool write_off)
{
	struct client_request request =
		client_ask_of(WIRE_OP_RETURN, sku, buyer, order_id, quantity);

	request.flags = write_off ? WIRE_ENTRY_WRITE_OFF : 0;
	return request;
}

/* What became of the request with this id, not all zero, whatever its op was: the present state of
 * the order that it made or changed. */
static inline struct client_request client_ask_lookup(uint64_t sku, const uint64_t id[2])
{
	return (struct client_request){
		.id = {id[0], id[1]},
		.sku = sku,
		.op = WIRE_OP_LOOKUP,
	};
}

/* The present state of an order of this buyer. */
static inline struct client_request client_ask_lookup_order(uint64_t sku, uint64_t buyer,
							    uint64_t order_id)
{
	struct client_request request = client_ask_of(WIRE_OP_LOOKUP, sku, buyer, order_id, 0);

	request.flags = WIRE_ENTRY_BY_ORDER;
	return request;
}

#endif
