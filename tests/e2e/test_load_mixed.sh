# The mixed scenario against two workers over memif: closed loop, as a Poisson process of single
# requests, and as a recording. Every request gets the answer that it must get. Then a load that
# sends more than the port takes reports what was lost. Last, buyers for a catalog of our own.
# time limit: 200 s
. "$(dirname "$0")/lib.sh"

SOCKET=$WORK/memif

make_keys
"$BIN/doorbuster" load --scenario mixed --requests 40000 --skus 500 --catalog-out "$CATALOG"
begun=$SECONDS
start_engine --port memif:"$SOCKET" --shards 3 --cores 0,1
START_S=$((SECONDS - begun))

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
mixed --requests 30000 --in-flight 32 --orders "$WORK/orders.csv"
# At their rate these are sent once: fewer than the port's queues hold, so that none is lost while
# the engine does not run.
mixed --requests 2000 --fill 1 --rate 2000 --arrivals poisson
[ "$(json '.seconds > 0.9 and .arrivals == "poisson"' "$WORK/load.json")" = true ] ||
	fail "not at its rate: $(cat "$WORK/load.json")"
seq 0 0.002 1 >"$WORK/instants"
mixed --arrivals recorded:"$WORK/instants"
expect_eq "a datagram an instant" 501 "$(json .datagrams "$WORK/load.json")"

rc=0
load --scenario mixed --skus 500 --requests 1000 --arrivals recorded:"$WORK/instants" || rc=$?
expect_eq "exit code with more instants than datagrams" 2 "$rc"
expect_match "what it said" 'instants: 501 instants, but .* only [0-9]+ datagrams' \
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

# Buyers for a catalog of our own, one of whose offers opens while they come: those who were too
# early come back. It opens when a start has had twice its time; if nobody was too early all the
# same, once more with more of it.
OWN=$WORK/own.csv
NEVER=$WORK/never.csv
for ahead in $((3 + 2 * START_S)) $((9 + 6 * START_S)) $((27 + 18 * START_S)); do
	CATALOG=$OWN
	DATA=$WORK/own.$ahead
	make_catalog 1,300,0,1,,, 2,500,4990,2,,, \
		"3,2000,100,0,$(date -u -d "+$ahead seconds" +%Y-%m-%dT%H:%M:%SZ),,"
	CATALOG=$NEVER
	make_catalog 4,5,100,0,2199-11-11T00:00:00Z,,
	CATALOG=$WORK/all.csv
	cat "$OWN" <(tail -n 1 "$NEVER") >"$CATALOG"
	start_engine --port memif:"$SOCKET" --shards 3 --cores 0,1
	load --catalog "$OWN" --requests 20000 --units-max 2 --seed 1 --in-flight 8 \
		--orders "$WORK/own.orders" || fail "$(cat "$WORK/load.json" "$WORK/load.err")"
	early=$(json .came_back "$WORK/load.json")
	[ "$early" -eq 0 ] || break
	stop_engine
done
[ "$early" -gt 1000 ] || fail "hardly anybody was too early: $(cat "$WORK/load.json")"
expect_eq "those who were too early" "$early" "$(json .verdicts.NOT_OPEN "$WORK/load.json")"
expect_eq "answers" $((20000 + early)) "$(json .answered "$WORK/load.json")"
expect_eq "units sold to them" 2800 "$(json .units "$WORK/load.json")"
expect_eq "contradictions" 0 "$(json .contradictions "$WORK/load.json")"

# Some wait for long: the load says for what, and can be ended. Wrong prices are noticed.
"$BIN/doorbuster" load --catalog "$NEVER" --server 198.18.0.1:7700 --port memif:"$SOCKET" \
	--queues 2 --keys "$KEYS" >"$WORK/load.out" 2>"$WORK/load.err" &
LOAD_PID=$!
wait_for "what the load waits for" grep -q '10 buyers .* the first at 2199-11-11T00:00:00Z' \
	"$WORK/load.err"
kill -INT $LOAD_PID
rc=0
wait $LOAD_PID || rc=$?
expect_eq "exit code of a load that was ended" 1 "$rc"
expect_match "its report" 'came back after NOT_OPEN +0' "$(cat "$WORK/load.out")"
sed -i 's/,4990,/,4989,/' "$OWN"
rc=0
load --catalog "$OWN" --requests 100 || rc=$?
expect_eq "exit code with other prices" 1 "$rc"
expect_match "what it said" 'does not sell what .*own.csv says' "$(cat "$WORK/load.err")"
stop_engine
expect_eq "units of the engine" 2800 "$(drained units)"
verify_agrees
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/own.orders" ||
	fail "an order for our own catalog is not in the journal"
