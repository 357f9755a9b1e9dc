#include "tools/downstream/nats_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/cli.h"

const char nats_header_block[] = "Doorbuster-Block";
const char nats_header_mark[] = "Doorbuster-Mark";
const char nats_header_relay[] = "Doorbuster-Relay";

enum {
	CONNECT_MS = 2000,
	/* A server that is stopped, not dead, is noticed after two of these. */
	PING_MS = 2000,
	IN_FLIGHT = 128,
	REPLICAS_MAX = 5,
};

/* nats://a,b,c: the scheme of the first is that of all that have none. */
static int split_servers(struct nats_settings *settings, const char *to, char *error,
			 size_t error_bytes)
{
	char *at = settings->text;
	char *save = NULL;

	if (snprintf(settings->text, sizeof(settings->text), "%s", to) >=
	    (int)sizeof(settings->text))
		return downstream_say(error, error_bytes, -EINVAL, "--to: too long");
	for (at = strtok_r(at, ",", &save); at != NULL; at = strtok_r(NULL, ",", &save)) {
		if (settings->server_cnt == NATS_SERVERS_MAX)
			return downstream_say(error, error_bytes, -EINVAL,
					      "--to: more than %d servers", NATS_SERVERS_MAX);
		settings->servers[settings->server_cnt++] = at;
	}
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
			const struct downstream_setting *list, unsigned cnt, char *error,
			size_t error_bytes)
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
			return downstream_say(error, error_bytes, -EINVAL,
					      "--set %s=%s: replicas is 1 to %d, in-flight 1 to %d",
					      list[i].key, list[i].value, REPLICAS_MAX,
					      DOWNSTREAM_IN_FLIGHT_MAX);
		return downstream_say(error, error_bytes, -EINVAL,
				      "--set %s: of NATS there is stream, replicas, in-flight, "
				      "creds, nkey, nkey-seed, token, tls-ca, tls-cert, tls-key",
				      list[i].key);
	}
	if (strpbrk(settings->stream, ".*> \t") != NULL ||
	    strlen(settings->stream) > NATS_NAME_BYTES / 2)
		return downstream_say(error, error_bytes, -EINVAL,
				      "--set stream=%s: no dots, blanks or wildcards, at most %d "
				      "characters",
				      settings->stream, NATS_NAME_BYTES / 2);
	return split_servers(settings, to, error, error_bytes);
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
		status = natsOptions_SetTimeout(options, CONNECT_MS);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(options, PING_MS);
	if (status == NATS_OK)
		status = natsOptions_SetMaxPingsOut(options, 1);
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

int nats_link_open(struct nats_link *link, const struct nats_settings *settings, const char *name,
		   char *error, size_t error_bytes)
{
	jsOptions js_options;
	natsStatus status;

	*link = (struct nats_link){0};
	status = natsOptions_Create(&link->options);
	if (status == NATS_OK)
		status = set_options(link->options, settings, name);
	if (status != NATS_OK) {
		nats_link_close(link);
		return downstream_say(error, error_bytes, -EINVAL, "NATS settings: %s",
				      natsStatus_GetText(status));
	}
	status = natsConnection_Connect(&link->connection, link->options);
	if (status == NATS_OK)
		status = jsOptions_Init(&js_options);
	js_options.Wait = DOWNSTREAM_WAIT_MS;
	if (status == NATS_OK)
		status = natsConnection_JetStream(&link->js, link->connection, &js_options);
	if (status == NATS_OK)
		return 0;
	nats_link_close(link);
	return downstream_say(error, error_bytes,
			      status == NATS_CONNECTION_AUTH_FAILED ? -EINVAL : -ENOTCONN, "%s: %s",
			      settings->servers[0], natsStatus_GetText(status));
}

void nats_link_close(struct nats_link *link)
{
	jsCtx_Destroy(link->js);
	natsConnection_Destroy(link->connection);
	natsOptions_Destroy(link->options);
	*link = (struct nats_link){0};
}

bool nats_message_block(natsMsg *message, struct frame *frame, struct lane_mark *mark)
{
	const char *block = NULL;
	const char *text = NULL;

	if (natsMsgHeader_Get(message, nats_header_block, &block) != NATS_OK ||
	    natsMsgHeader_Get(message, nats_header_mark, &text) != NATS_OK ||
	    !frame_from_text(block, frame))
		return false;
	*mark = (struct lane_mark){.segment = frame->segment, .offset = frame->offset};
	return sscanf(text, "%" SCNu64 " %16" SCNx64, &mark->next_lsn, &mark->checksum) == 2 &&
	       mark->next_lsn > 0;
}
