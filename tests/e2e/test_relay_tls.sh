# Relay and consumer on a nats-server that requires TLS and credentials: user and password, token,
# nkey or client certificates. A refusal names the reason and the remedy, and no password is ever
# printed; a relay whose certificate expires waits and does not end. Kafka's options go to
# librdkafka.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nats.sh"

PORT=memif:$WORK/memif
RELAY=

# A key, and a certificate for it: NAME SAN DAYS [SIGNER]
certify() {
	local signer=(-CA "$WORK/${4:-ca}.pem" -CAkey "$WORK/${4:-ca}.key" -CAcreateserial)
	local extensions=subjectAltName=$2
	[ "$1" != "${4:-ca}" ] ||
		signer=(-signkey "$WORK/$1.key") extensions=basicConstraints=CA:TRUE
	[ -e "$WORK/$1.key" ] || openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/$1.key"
	openssl req -new -key "$WORK/$1.key" -subj "/CN=$1" -out "$WORK/$1.csr"
	openssl x509 -req -in "$WORK/$1.csr" "${signer[@]}" -days "$3" -out "$WORK/$1.pem" \
		-extfile <(echo $extensions) 2>"$WORK/openssl"
}

# A server: PORT CERTIFICATE [TLS-LINE [CONFIG-LINE]]; NATS_PID.
start_tls() {
	cat >"$WORK/$1.conf" <<-END
		listen: "127.0.0.1:$1"
		jetstream { store_dir: "$WORK/store.$1", max_file: 1G, max_mem: 64M }
		tls {
			cert_file: "$WORK/$2.pem"
			key_file: "$WORK/$2.key"
			${3:-}
		}
		${4:-}
	END
	: >"$WORK/$1.log"
	nats-server -c "$WORK/$1.conf" 2>"$WORK/$1.log" &
	NATS_PID=$!
	wait_for "the server at $1" grep -q 'Server is ready' "$WORK/$1.log"
}

stop_nats() {
	end9 $NATS_PID
}

relay() { # ADDRESS ARGS...
	# Each server is a downstream of its own, with its own position.
	timeout 300 "$BIN/doorbuster-relay" --data "$DATA" --name "${1%%:*}-${1##*:}" --to "$1" \
		--once "${@:2}" >"$WORK/out" 2>&1
}

expect_relayed() { # WHAT ADDRESS ARGS...
	relay "${@:2}" || fail "$1: $(cat "$WORK/out")"
	"$BIN/doorbuster" consume --from "${@:2}" >"$WORK/stream" 2>"$WORK/err" ||
		fail "consume, $1: $(cat "$WORK/err")"
	cmp "$WORK/stream" <("$BIN/doorbuster" journal dump "$DATA" --json) || fail "stream, $1"
}

# Both refuse with exit code 2 and say why; the password is not part of it.
expect_refused() { # WHAT PATTERN ADDRESS ARGS...
	local rc=0
	relay "${@:3}" || rc=$?
	expect_eq "exit code of relay, $1" 2 $rc
	expect_match "relay, $1" "$2" "$(cat "$WORK/out")"
	rc=0
	"$BIN/doorbuster" consume --from "${@:3}" >"$WORK/err" 2>&1 || rc=$?
	expect_eq "exit code of consume, $1" 2 $rc
	expect_match "consume, $1" "$2" "$(cat "$WORK/err")"
	! grep -e 'right' -e 'wrong' "$WORK/out" "$WORK/err" || fail "$1: prints a password"
}

certify ca DNS:ca 2
certify stranger DNS:stranger 2 stranger
certify good DNS:localhost,IP:127.0.0.1 2
certify elsewhere DNS:elsewhere 2
certify expired DNS:localhost -1
make_keys
make_catalog 1,100000,100,0,,,
start_engine --port "$PORT"
"$BIN/doorbuster" load --scenario singles-day --skus 1 --server 198.18.0.1:7700 --port "$PORT" \
	--keys "$KEYS" --requests 1000 >"$WORK/load" 2>&1 || fail "load: $(cat "$WORK/load")"
stop_engine
CA=(--set tls-ca="$WORK/ca.pem")

echo "user and password"
start_tls 4301 good '' 'authorization { user: shop, password: right }'
expect_relayed "user and password" tls://shop:right@localhost:4301 "${CA[@]}"
grep -q '^address tls://localhost:4301$' "$DATA/downstream-tls-4301" ||
	fail "the position has a password"
expect_refused "a wrong password" 'Authorization Violation: the server wants another user' \
	tls://shop:wrong@localhost:4301 "${CA[@]}"
expect_refused "another signer" 'unable to get local issuer.* --set tls-ca=FILE says who' \
	tls://shop:right@localhost:4301 --set tls-ca="$WORK/stranger.pem"
expect_refused "no signer" 'unable to get local issuer.* --set tls-ca=FILE says who' \
	nats://shop:right@localhost:4301
expect_refused "no such file" 'tls-ca=.*none.pem: No such file' \
	tls://shop:right@localhost:4301 --set tls-ca="$WORK/none.pem"
stop_nats

echo "a certificate for another host, one that has expired, a server without TLS"
start_tls 4302 elsewhere
expect_refused "another host" 'hostname mismatch.* for the host of the address' \
	tls://localhost:4302 "${CA[@]}"
stop_nats
start_tls 4303 expired
expect_refused "expired" 'certificate has expired.* must be valid now' \
	tls://localhost:4303 "${CA[@]}"
stop_nats
start_nats 4304
expect_refused "no TLS" 'the server has no TLS' tls://localhost:4304 "${CA[@]}"
stop_nats

echo "token, nkey, client certificate"
start_tls 4305 good '' 'authorization { token: right }'
expect_relayed "token" tls://localhost:4305 "${CA[@]}" --set token=right
expect_refused "a wrong token" 'Authorization Violation' \
	tls://localhost:4305 "${CA[@]}" --set token=wrong
stop_nats
# The pair of NATS' own documentation.
NKEY=UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4
echo SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY >"$WORK/seed"
start_tls 4306 good '' "authorization { users: [ { nkey: $NKEY } ] }"
expect_relayed "nkey" tls://localhost:4306 "${CA[@]}" --set nkey=$NKEY \
	--set nkey-seed="$WORK/seed"
expect_refused "half an nkey" 'nkey-seed= \(a file\) go together' \
	tls://localhost:4306 "${CA[@]}" --set nkey=$NKEY
stop_nats
start_tls 4307 good "verify: true, ca_file: \"$WORK/ca.pem\""
expect_relayed "client certificate" tls://localhost:4307 "${CA[@]}" \
	--set tls-cert="$WORK/good.pem" --set tls-key="$WORK/good.key"
stop_nats

echo "a certificate that runs out beside a relay, and is renewed"
start_tls 4308 good
"$BIN/doorbuster-relay" --data "$DATA" --to tls://localhost:4308 "${CA[@]}" 2>"$WORK/beside" &
RELAY=$!
wait_for "the relay" grep -q 'continues after' "$WORK/beside"
stop_nats
start_tls 4308 expired
wait_for "the relay to be refused" grep -q 'TLS handshake error' "$WORK/4308.log"
kill -0 $RELAY || fail "the relay ended: $(cat "$WORK/beside")"
stop_nats
start_tls 4308 good
wait_for "the relay to be back" grep -q 'downstream is back' "$WORK/beside"
kill -TERM $RELAY
wait $RELAY || fail "SIGTERM: $(cat "$WORK/beside")"
stop_nats

echo "a user who may not do all that is needed: which subject, and which are"
may() { # SUBJECT...
	local subjects
	subjects=$(printf '"%s",' "$@")
	start_tls 4310 good '' "authorization { users: [ { user: shop, password: right,
		permissions: { publish: [ ${subjects%,} ], subscribe: \"_INBOX.>\" } } ] }"
}
API='$JS.API'
BOTH=("$API.STREAM.INFO.*" "$API.STREAM.MSG.GET.*")
SHOP=(tls://shop:right@localhost:4310 "${CA[@]}")
may none
expect_refused "no right at all" \
	'this user: .*Publish to "\$JS.API.STREAM.INFO.doorbuster-lane-000".* Needed .*INFO\.\*' \
	"${SHOP[@]}"
stop_nats
may "${BOTH[@]}"
rc=0
relay "${SHOP[@]}" || rc=$?
expect_eq "exit code without the right to make a stream" 2 $rc
expect_match "why" 'Publish to "\$JS.API.STREAM.CREATE.doorbuster-lane-000"' "$(cat "$WORK/out")"
stop_nats
may "${BOTH[@]}" "$API.STREAM.CREATE.*"
rc=0
relay "${SHOP[@]}" || rc=$?
expect_eq "exit code without the right to fill it" 2 $rc
expect_match "why" 'Publish to "doorbuster.lane.000"' "$(cat "$WORK/out")"
stop_nats
# All that is needed, as the messages and DOWNSTREAM.md have it.
may "${BOTH[@]}" "$API.STREAM.CREATE.*" 'doorbuster.lane.*' "$API.CONSUMER.CREATE.>" \
	"$API.CONSUMER.DELETE.>" '$JS.FC.>'
expect_relayed "all rights that are needed" "${SHOP[@]}"
stop_nats
start_tls 4311 good '' 'accounts { A { users: [ { user: shop, password: right } ] },
	B { jetstream: enabled, users: [ { user: other, password: right } ] } }'
expect_refused "an account without JetStream" "has no JetStream for this user's account" \
	tls://shop:right@localhost:4311 "${CA[@]}"
stop_nats

echo "a server that takes small messages only"
start_nats 4309 'max_payload: 16384'
expect_refused "small messages" 'set its max_payload to' nats://localhost:4309
stop_nats

echo "Kafka's settings go to librdkafka, which names what it refuses"
expect_refused "no such setting" 'Kafka settings: .*"no.such"' kafka://localhost:1 --set no.such=1
expect_refused "no such value" 'Kafka settings: .*security.protocol' kafka://localhost:1 \
	--set security.protocol=tsl
expect_refused "no such file" 'Kafka settings: .*ssl.ca.location' kafka://localhost:1 \
	--set security.protocol=ssl --set ssl.ca.location="$WORK/none.pem"
