# The mixed scenario against two workers over memif: closed loop, as a Poisson process of single
# requests, and as a recording. Every request gets the answer that it must get. Then a load that
# sends more than the port takes reports what was lost.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

SOCKET=$WORK/memif

make_keys
"$BIN/doorbuster" load --scenario mixed --requests 400000 --skus 500 --catalog-out "$CATALOG"
start_engine --port memif:"$SOCKET" --shards 3 --cores 0,1

load() { # ARGS...
	"$BIN/doorbuster" load --server 198.18.0.1:7700 --port memif:"$SOCKET" --queues 2 \
		--keys "$KEYS" --json --timeout-ms 20000 "$@" >"$WORK/load.json" 2>"$WORK/load.err"
}

mixed() { # ARGS...
	load --scenario mixed --skus 500 "$@" ||
		fail "mixed $*: $(cat "$WORK/load.json" "$WORK/load.err")"
	expect_eq "contradictions" 0 "$(json .contradictions "$WORK/load.json")"
	expect_eq "lost" 0 "$(json '.lost + .lost_at_port + .undetermined' "$WORK/load.json")"
	for verdict in ACCEPTED CONFLICT NOT_FOUND UNKNOWN_SKU BAD_QUANTITY NOT_OPEN CLOSED \
		PRICE_TOO_HIGH SOLD_OUT LIMIT_REACHED BAD_REQUEST WRONG_SHARD STALE PONG; do
		[ "$(json ".verdicts.$verdict" "$WORK/load.json")" -gt 0 ] || fail "no $verdict"
	done
	ORDERS=$((ORDERS + $(json .orders "$WORK/load.json")))
}

ORDERS=0
mixed --requests 100000 --in-flight 32 --orders "$WORK/orders.csv"
mixed --requests 20000 --fill 1 --rate 20000 --arrivals poisson
[ "$(json '.seconds > 0.9 and .arrivals == "poisson"' "$WORK/load.json")" = true ] ||
	fail "not at its rate: $(cat "$WORK/load.json")"
seq 0 0.0002 1 >"$WORK/instants"
mixed --arrivals recorded:"$WORK/instants"
expect_eq "a datagram an instant" 5001 "$(json .datagrams "$WORK/load.json")"

rc=0
load --scenario mixed --skus 500 --requests 1000 --arrivals recorded:"$WORK/instants" || rc=$?
expect_eq "exit code with more instants than datagrams" 2 "$rc"
expect_match "what it said" 'instants: 5001 instants, but .* only [0-9]+ datagrams' \
	"$(cat "$WORK/load.err")"

rc=0
load --scenario mixed --skus 500 --requests 1000 --arrivals recorded:"$WORK/none" || rc=$?
expect_eq "exit code without a recording" 2 "$rc"
expect_match "what it said" 'none: No such file' "$(cat "$WORK/load.err")"

# A burst of far more than the port's queues hold: what did not fit is lost, and reported.
rc=0
load --scenario mixed --skus 500 --requests 100000 --fill 1 --rate 1000000000 || rc=$?
expect_eq "exit code of a load that lost some" 1 "$rc"
expect_eq "contradictions" 0 "$(json .contradictions "$WORK/load.json")"
[ "$(json .lost_at_port "$WORK/load.json")" -gt 0 ] || fail "nothing lost: $(cat "$WORK/load.json")"

stop_engine
[ "$(drained orders)" -ge "$ORDERS" ] || fail "$(drained orders) orders, $ORDERS were reported"
verify_agrees
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" ||
	fail "an order that was reported is not in the journal"
