#include "tools/downstream/nats_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/journal/format.h"
#include "tools/common/cli.h"

const char nats_header_block[] = "Doorbuster-Block";
const char nats_header_mark[] = "Doorbuster-Mark";
const char nats_header_relay[] = "Doorbuster-Relay";
const char nats_header_id[] = "Doorbuster-Id";

enum {
	CONNECT_MS = 2000,
	/* A server that is stopped, not dead, is noticed after two of these. */
	PING_MS = 2000,
	IN_FLIGHT = 128,
	/* nats-server's numbers of errors. */
	ERROR_NOT_ENABLED = 10076,
	ERROR_NOT_ENABLED_FOR_ACCOUNT = 10039,
	REPLICAS_MAX = 5,
};

/* Splits nats://a,b,c: addresses without a scheme have that of the first. */
static int split_servers(struct nats_settings *settings, const char *to, struct error *error)
{
	char *at = settings->text;
	char *save = NULL;

	if (snprintf(settings->text, sizeof(settings->text), "%s", to) >=
	    (int)sizeof(settings->text))
		return error_say(error, -EINVAL, "--to: too long");
	for (at = strtok_r(at, ",", &save); at != NULL; at = strtok_r(NULL, ",", &save)) {
		if (settings->server_cnt == NATS_SERVERS_MAX)
			return error_say(error, -EINVAL, "--to: more than %d servers",
					 NATS_SERVERS_MAX);
		settings->servers[settings->server_cnt++] = at;
	}
	return 0;
}

/* Checks files that libnats opens when it connects, or silently ignores. */
static int check_files(const struct nats_settings *settings, struct error *error)
{
	const struct {
		const char *key;
		const char *path;
	} files[] = {
		{"creds", settings->creds}, {"nkey-seed", settings->nkey_seed},
		{"tls-ca", settings->ca},   {"tls-cert", settings->cert},
		{"tls-key", settings->key},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].path != NULL && access(files[i].path, R_OK) != 0)
			return error_say(error, -EINVAL, "--set %s=%s: %s", files[i].key,
					 files[i].path, strerror(errno));
	}
	if ((settings->cert == NULL) != (settings->key == NULL))
		return error_say(error, -EINVAL, "--set tls-cert= and tls-key= go together");
	if ((settings->nkey == NULL) != (settings->nkey_seed == NULL))
		return error_say(error, -EINVAL,
				 "--set nkey= (the public key) and nkey-seed= (a file) go "
				 "together");
	return 0;
}

static bool set_text(struct nats_settings *settings, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{"stream", &settings->stream}, {"creds", &settings->creds},
		{"nkey", &settings->nkey},     {"nkey-seed", &settings->nkey_seed},
		{"token", &settings->token},   {"tls-ca", &settings->ca},
		{"tls-cert", &settings->cert}, {"tls-key", &settings->key},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].key, key) == 0) {
			*texts[i].to = value;
			return true;
		}
	}
	return false;
}

static bool set_number(struct nats_settings *settings, const char *key, const char *value,
		       bool *known)
{
	uint64_t number = 0;

	*known = true;
	if (strcmp(key, "replicas") == 0 && cli_parse_u64(value, REPLICAS_MAX, &number)) {
		settings->replicas = (uint32_t)number;
		return number > 0;
	}
	if (strcmp(key, "in-flight") == 0 &&
	    cli_parse_u64(value, DOWNSTREAM_IN_FLIGHT_MAX, &number)) {
		settings->in_flight = (uint32_t)number;
		return number > 0;
	}
	*known = strcmp(key, "replicas") == 0 || strcmp(key, "in-flight") == 0;
	return false;
}

int nats_settings_parse(struct nats_settings *settings, const char *to, bool json,
			const struct downstream_setting *list, unsigned cnt, struct error *error)
{
	*settings = (struct nats_settings){
		.stream = json ? "doorbuster-json" : "doorbuster",
		.replicas = 1,
		.in_flight = IN_FLIGHT,
		.tls = strncmp(to, "tls://", 6) == 0,
	};
	for (unsigned i = 0; i < cnt; i++) {
		bool known;

		if (set_text(settings, list[i].key, list[i].value) ||
		    set_number(settings, list[i].key, list[i].value, &known))
			continue;
		if (known)
			return error_say(error, -EINVAL,
					 "--set %s=%s: replicas is 1 to %d, in-flight 1 to %d",
					 list[i].key, list[i].value, REPLICAS_MAX,
					 DOWNSTREAM_IN_FLIGHT_MAX);
		return error_say(error, -EINVAL,
				 "--set %s: of NATS there is stream, replicas, in-flight, "
				 "creds, nkey, nkey-seed, token, tls-ca, tls-cert, tls-key",
				 list[i].key);
	}
	if (strpbrk(settings->stream, ".*> \t") != NULL ||
	    strlen(settings->stream) > NATS_NAME_BYTES / 2)
		return error_say(error, -EINVAL,
				 "--set stream=%s: no dots, blanks or wildcards, at most %d "
				 "characters",
				 settings->stream, NATS_NAME_BYTES / 2);
	downstream_address(to, settings->shown, sizeof(settings->shown));
	if (check_files(settings, error) != 0)
		return -EINVAL;
	return split_servers(settings, to, error);
}

void nats_stream_name(const struct nats_settings *settings, uint16_t lane,
		      char out[NATS_NAME_BYTES])
{
	snprintf(out, NATS_NAME_BYTES, "%s-lane-%03u", settings->stream, lane);
}

void nats_subject(const struct nats_settings *settings, uint16_t lane, char out[NATS_NAME_BYTES])
{
	snprintf(out, NATS_NAME_BYTES, "%s.lane.%03u", settings->stream, lane);
}

/* The server refuses a subject beside the request, which then gets no answer: without the
 * connection its sender learns at once that there is none. Called on a thread of libnats. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
		     void *context)
{
	(void)subscription;
	(void)context;
	if (status == NATS_NOT_PERMITTED)
		natsConnection_Close(connection);
}

static natsStatus set_options(natsOptions *options, const struct nats_settings *settings,
			      const char *name)
{
	natsStatus status = natsOptions_SetServers(options, (const char **)settings->servers,
						   settings->server_cnt);

	if (status == NATS_OK)
		status = natsOptions_SetName(options, name);
	if (status == NATS_OK)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, on_error, NULL);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, CONNECT_MS);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(options, PING_MS);
	if (status == NATS_OK)
		status = natsOptions_SetMaxPingsOut(options, 1);
	/* Without it, a server that takes nothing any more blocks the publisher for ever. */
	if (status == NATS_OK)
		status = natsOptions_SetWriteDeadline(options, DOWNSTREAM_WAIT_MS);
	if (status == NATS_OK && settings->creds != NULL)
		status = natsOptions_SetUserCredentialsFromFiles(options, settings->creds, NULL);
	if (status == NATS_OK && settings->nkey != NULL && settings->nkey_seed != NULL)
		status = natsOptions_SetNKeyFromSeed(options, settings->nkey, settings->nkey_seed);
	if (status == NATS_OK && settings->token != NULL)
		status = natsOptions_SetToken(options, settings->token);
	if (status == NATS_OK && (settings->tls || settings->ca != NULL))
		status = natsOptions_SetSecure(options, true);
	if (status == NATS_OK && settings->ca != NULL)
		status = natsOptions_LoadCATrustedCertificates(options, settings->ca);
	if (status == NATS_OK && settings->cert != NULL && settings->key != NULL)
		status = natsOptions_LoadCertificatesChain(options, settings->cert, settings->key);
	return status;
}

const char *nats_why(natsStatus status)
{
	natsStatus last = NATS_OK;
	const char *text = nats_GetLastError(&last);
	const char *behind = text != NULL ? strstr(text, "): ") : NULL;

	return behind != NULL && last == status ? behind + 3 : natsStatus_GetText(status);
}

/* Why there is no connection, and what to do. */
static int say_unconnected(const struct nats_settings *settings, natsStatus status,
			   struct error *error)
{
	const char *remedy = "";
	int rc = -EACCES;

	switch (status) {
	case NATS_CONNECTION_AUTH_FAILED:
	case NATS_NOT_PERMITTED:
		remedy = ": the server wants another user and password (in the address, "
			 "nats://USER:PASSWORD@HOST), or --set token=, creds=, or nkey= and "
			 "nkey-seed=";
		break;
	case NATS_SSL_ERROR:
		remedy = ": --set tls-ca=FILE says who may sign the server's certificate, which "
			 "must be valid now and for the host of the address";
		break;
	case NATS_SECURE_CONNECTION_WANTED:
		remedy = ": the server has no TLS: give it a certificate, or use nats:// without "
			 "--set tls-ca=";
		break;
	default:
		rc = -ENOTCONN;
		if (status == NATS_PROTOCOL_ERROR && settings->cert == NULL)
			remedy = "; if the server wants certificates of its clients: --set "
				 "tls-cert= and tls-key=";
	}
	return error_say(error, rc, "%s: %s%s", settings->shown, nats_why(status), remedy);
}

/* A block and its headers must fit into a message. */
static int check_payload(const struct nats_link *link, const struct nats_settings *settings,
			 struct error *error)
{
	const int64_t max = natsConnection_GetMaxPayload(link->connection);

	if (max >= BLOCK_BYTES_MAX + NATS_HEADERS_BYTES)
		return 0;
	return error_say(error, -EINVAL,
			 "%s: the server takes messages of at most %" PRId64
			 " bytes: set its max_payload to %d or more",
			 settings->shown, max, BLOCK_BYTES_MAX + NATS_HEADERS_BYTES);
}

int nats_link_open(struct nats_link *link, const struct nats_settings *settings, const char *name,
		   const char *needs, struct error *error)
{
	jsOptions js_options;
	natsStatus status;
	int rc = 0;

	*link = (struct nats_link){.settings = settings, .needs = needs};
	status = natsOptions_Create(&link->options);
	if (status == NATS_OK)
		status = set_options(link->options, settings, name);
	if (status != NATS_OK) {
		nats_link_close(link);
		return error_say(error, -EINVAL, "NATS settings: %s", nats_why(status));
	}
	status = natsConnection_Connect(&link->connection, link->options);
	if (status == NATS_OK)
		rc = check_payload(link, settings, error);
	if (status == NATS_OK)
		status = jsOptions_Init(&js_options);
	js_options.Wait = DOWNSTREAM_WAIT_MS;
	if (status == NATS_OK)
		status = natsConnection_JetStream(&link->js, link->connection, &js_options);
	if (status != NATS_OK)
		rc = say_unconnected(settings, status, error);
	if (rc != 0)
		nats_link_close(link);
	return rc;
}

void nats_link_close(struct nats_link *link)
{
	jsCtx_Destroy(link->js);
	natsConnection_Destroy(link->connection);
	natsOptions_Destroy(link->options);
	*link = (struct nats_link){0};
}

/* What the server refused since the connection was made, as "Permissions Violation for Publish to
 * ..."; NULL: nothing. It says so beside the request, which gets no answer. */
static const char *refused(const struct nats_link *link)
{
	const char *text = NULL;

	(void)natsConnection_GetLastError(link->connection, &text);
	return text != NULL && strcasestr(text, "permissions violation") != NULL ? text : NULL;
}

int nats_link_failed(const struct nats_link *link, const char *stream, natsStatus status, int code,
		     struct error *error)
{
	const char *refusal = refused(link);

	if (refusal != NULL)
		return error_say(
			error, -EACCES,
			"stream %s: the server refuses this user: %s. Needed here: %s; and "
			"to subscribe to _INBOX.>",
			stream, refusal, link->needs);
	if (code == ERROR_NOT_ENABLED || code == ERROR_NOT_ENABLED_FOR_ACCOUNT)
		return error_say(error, -EINVAL,
				 "stream %s: %s has no JetStream for this user's account: switch "
				 "it on there (jetstream: enabled), or use another user",
				 stream, link->settings->shown);
	if (status == NATS_NO_RESPONDERS)
		return error_say(
			error, -ENOTCONN,
			"stream %s: no JetStream answers at %s: it is not ready yet, has no "
			"leader, or is not switched on (jetstream {} in the server's "
			"configuration)",
			stream, link->settings->shown);
	if (status == NATS_TIMEOUT)
		return error_say(error, -ENOTCONN, "stream %s: no answer for %d ms", stream,
				 DOWNSTREAM_WAIT_MS);
	return error_say(error, -ENOTCONN, "stream %s: %s", stream, nats_why(status));
}

bool nats_message_block(natsMsg *message, struct frame *frame, struct lane_mark *mark)
{
	const char *block = NULL;
	const char *text = NULL;

	if (natsMsgHeader_Get(message, nats_header_block, &block) != NATS_OK ||
	    natsMsgHeader_Get(message, nats_header_mark, &text) != NATS_OK ||
	    !frame_from_text(block, frame))
		return false;
	*mark = (struct lane_mark){.place.segment = frame->segment, .place.offset = frame->offset};
	return sscanf(text, "%" SCNu64 " %16" SCNx64, &mark->next_lsn, &mark->checksum) == 2 &&
	       mark->next_lsn > 0;
}
