#include "tools/common/ask_engine.h"

#include "engine/base/clock.h"

/* Lends a transport to a client that would close it. */
struct lent {
	struct client_transport transport; /* first */
	struct client_transport *owned;
};

static int lent_send(struct client_transport *transport, const struct client_packet *packets,
		     int cnt)
{
	struct client_transport *owned = ((struct lent *)transport)->owned;

	return owned->send(owned, packets, cnt);
}

static int lent_receive(struct client_transport *transport, struct client_packet *packets, int cnt,
			uint32_t timeout_us)
{
	struct client_transport *owned = ((struct lent *)transport)->owned;

	return owned->receive(owned, packets, cnt, timeout_us);
}

static uint32_t lent_path_bytes(struct client_transport *transport)
{
	struct client_transport *owned = ((struct lent *)transport)->owned;

	return owned->path_bytes != NULL ? owned->path_bytes(owned) : 0;
}

static void lent_renew(struct client_transport *transport, struct error *what)
{
	struct client_transport *owned = ((struct lent *)transport)->owned;

	owned->renew(owned, what);
}

static uint32_t lent_address_cnt(struct client_transport *transport)
{
	struct client_transport *owned = ((struct lent *)transport)->owned;

	return owned->address_cnt != NULL ? owned->address_cnt(owned) : 1;
}

static void lent_close(struct client_transport *transport)
{
	(void)transport;
}

static void no_answers(void *context, const struct client_answer *answer)
{
	(void)context;
	(void)answer;
}

int ask_engine(struct client_transport *transport, const char *server, const struct key *key,
	       uint32_t timeout_ms, struct engine_told *told, struct error *error)
{
	struct lent lent = {
		.transport = {.send = lent_send,
			      .receive = lent_receive,
			      .close = lent_close,
			      .path_bytes = lent_path_bytes,
			      .renew = transport->renew != NULL ? lent_renew : NULL,
			      .address_cnt = lent_address_cnt},
		.owned = transport,
	};
	const struct client_options options = {
		.server = server,
		.key = key,
		.transport = &lent.transport,
		.timeout_ms = timeout_ms,
	};
	struct client *client = NULL;
	const int rc = client_open(&client, &options, no_answers, NULL, error);

	if (rc != 0)
		return rc;
	*told = (struct engine_told){
		.shards = client_shards(client),
		.sale = client_sale(client),
		.clock = {.engine_ns = client_engine_now_ns(client, 0), .local_ns = clock_now_ns()},
	};
	client_close(client);
	return 0;
}
