# Consumers of a lane and of its copy, killed at any moment beside a sale: each record is in their
# file once, in lane order. Relay and consumer report a lane that was cut or pruned, by name.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

COPY=$WORK/copy
PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 500 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")

sell() { # SEED REQUESTS
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

consume() { # NAME ARGS...
	"$BIN/doorbuster-consume" --cursor "$WORK/$1.cursor" --out "$WORK/$1.out" "${@:2}" \
		2>"$WORK/$1.err"
}

consume_beside() { # NAME ARGS...; adds to PIDS
	rm -f "$WORK/$1.err"
	"$BIN/doorbuster-consume" --cursor "$WORK/$1.cursor" --out "$WORK/$1.out" \
		--follow "${@:2}" 2>"$WORK/$1.err" &
	PIDS+=($!)
	wait_for "$1 to follow" grep -q '^following' "$WORK/$1.err"
}

# Lane by lane what a consumer printed must be what the lanes have.
expect_all() { # NAME
	local lane
	for lane in 0 1; do
		cmp <("$BIN/doorbuster" journal dump "$DATA" --lane $lane --json) \
			<(grep "^{\"lane\":$lane," "$WORK/$1.out") ||
			fail "lane $lane of $1 differs"
	done
}

# Fails as it should: exit code 1, and says why.
expect_refused() { # WHAT PATTERN COMMAND...
	local rc=0
	"${@:3}" >"$WORK/refused" 2>&1 || rc=$?
	expect_eq "exit code, $1" 1 $rc
	expect_match "why, $1" "$2" "$(cat "$WORK/refused")"
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 500 --requests 100000 \
	--catalog-out "$CATALOG"
start_engine --port "$PORT" --shards 2 --segment-mib 1
"$BIN/doorbuster-relay" --data "$DATA" --to file:"$COPY" 2>"$WORK/relay.err" &
relay=$!
wait_for "the relay" grep -q 'lane 1: continues' "$WORK/relay.err"

echo "killed again and again beside the sale"
for n in 1 2 3 4; do
	PIDS=()
	consume_beside data --from data:"$DATA"
	consume_beside copy --from file:"$COPY"
	sell $n 20000 &
	load=$!
	for _ in 1 2 3; do
		sleep 0.$((RANDOM % 4))
		kill -9 "${PIDS[@]}" 2>/dev/null ||
			fail "a consumer ended: $(cat "$WORK"/{data,copy}.err)"
		wait "${PIDS[@]}" || true
		PIDS=()
		consume_beside data --from data:"$DATA"
		consume_beside copy --from file:"$COPY"
	done
	wait $load
	kill -TERM "${PIDS[@]}"
	wait "${PIDS[@]}" || fail "SIGTERM: $(cat "$WORK"/{data,copy}.err)"
done
stop_engine
kill -TERM $relay
wait $relay || fail "relay: $(cat "$WORK/relay.err")"
"$BIN/doorbuster" relay --data "$DATA" --to file:"$COPY" --once 2>"$WORK/relay.err" ||
	fail "relay: $(cat "$WORK/relay.err")"
consume data --from data:"$DATA" || fail "$(cat "$WORK/data.err")"
consume copy --from file:"$COPY" || fail "$(cat "$WORK/copy.err")"
expect_all data
expect_all copy
consume csv --from file:"$COPY" --format csv || fail "$(cat "$WORK/csv.err")"
expect_eq "orders as CSV" "$(drained orders)" "$(($(wc -l <"$WORK/csv.out") - 1))"
expect_eq "units as CSV" "$(drained units)" \
	"$(awk -F , 'NR > 1 { units += $8 } END { print units }' "$WORK/csv.out")"

echo "one consumer a cursor, and one that waits for its source"
PIDS=()
consume_beside data --from data:"$DATA"
rc=0
"$BIN/doorbuster" consume --from data:"$DATA" --cursor "$WORK/data.cursor" --out "$WORK/data.out" \
	2>"$WORK/err" || rc=$?
expect_eq "exit code of a second consumer" 2 $rc
expect_match "why" "another consumer uses the cursor $WORK/data.cursor" "$(cat "$WORK/err")"
kill -TERM "${PIDS[@]}"
wait "${PIDS[@]}" || fail "SIGTERM: $(cat "$WORK/data.err")"
expect_all data
"$BIN/doorbuster-consume" --from nats://127.0.0.1:1 --follow 2>"$WORK/err" &
consumer=$!
wait_for "it to wait" grep -q 'trying again until it is there' "$WORK/err"
kill -TERM $consumer
wait $consumer || fail "SIGTERM while it waits: $(cat "$WORK/err")"

echo "a lane that was pruned up to a checkpoint"
"$BIN/doorbuster" journal checkpoint "$DATA" >/dev/null
start_engine --port "$PORT" --shards 2 --segment-mib 1
sell 9 1000
stop_engine
"$BIN/doorbuster" journal checkpoint "$DATA" >/dev/null
"$BIN/doorbuster" relay --data "$DATA" --to file:"$COPY" --once 2>/dev/null
cp -a "$DATA" "$WORK/whole"
# A relay that has not reached its downstream counts as long as it runs, and leaves nothing.
"$BIN/doorbuster-relay" --data "$DATA" --name typo --to nats://127.0.0.1:1 2>"$WORK/err" &
typo=$!
wait_for "the relay to try" grep -q 'lane 1: downstream is away' "$WORK/err"
"$BIN/doorbuster" journal prune "$DATA" --lane 0 --json >"$WORK/prune" 2>"$WORK/err"
expect_eq "removed while a relay tries" 0 "$(json .removed "$WORK/prune")"
expect_match "why" "MiB stay for relay 'typo', which runs and has not reached its downstream yet" \
	"$(cat "$WORK/err")"
kill -TERM $typo
wait $typo || fail "SIGTERM: $(cat "$WORK/err")"
[ ! -e "$DATA/downstream-typo" ] || fail "a downstream that was never reached has a position"
rc=0
"$BIN/doorbuster" journal prune "$DATA" --no-downstream >"$WORK/prune" 2>&1 || rc=$?
expect_eq "exit code, --no-downstream with a relay" 2 $rc
expect_match "why" "relay 'file' has a position here" "$(cat "$WORK/prune")"
# Segments that a relay has not sent stay, whether it runs or not; and prune says so.
cp "$DATA/downstream-file" "$DATA/downstream-slow"
sed -i 's/^lane 0 .*/lane 0 next-lsn 1500 segment 0 offset 4096 checksum 01 extra 0/
	s/^budget-bytes .*/budget-bytes 1000000/' "$DATA/downstream-slow"
"$BIN/doorbuster" journal prune "$DATA" --lane 0 --json >"$WORK/prune" 2>"$WORK/err"
expect_eq "removed while a relay lacks it" 0 "$(json .removed "$WORK/prune")"
expect_match "why" \
	"ALARM: lane 0: [0-9]+ MiB stay for relay 'slow', .* at file:.* up to LSN 1499; if it" \
	"$(cat "$WORK/err")"
"$BIN/doorbuster" relay --data "$DATA" --forget --name slow
"$BIN/doorbuster" journal prune "$DATA" >"$WORK/prune" 2>"$WORK/err" || fail "$(cat "$WORK/err")"
expect_match "prune" 'lane 0: [1-9]' "$(cat "$WORK/prune")"
expect_refused "consume of a pruned lane" 'lane [01]: LSN 1 is needed next, but .* been pruned' \
	"$BIN/doorbuster" consume --from data:"$DATA"
expect_refused "an empty downstream of a pruned lane" 'LSN 1 is needed .* --skip-pruned' \
	"$BIN/doorbuster" relay --data "$DATA" --to file:"$WORK/copy2" --name two --once
"$BIN/doorbuster" relay --data "$DATA" --to file:"$WORK/copy2" --name two --once --skip-pruned \
	2>"$WORK/err" || fail "--skip-pruned: $(cat "$WORK/err")"
"$BIN/doorbuster" consume --from file:"$WORK/copy2" --skip-pruned | grep '"lane":0,' >"$WORK/rest"
"$BIN/doorbuster" journal dump "$DATA" --lane 0 --json | tail -n "$(wc -l <"$WORK/rest")" |
	cmp - "$WORK/rest" || fail "what is left of a pruned lane"
[ -s "$WORK/rest" ] || fail "nothing is left of a pruned lane"
"$BIN/doorbuster" relay --data "$DATA" --to file:"$COPY" --once 2>"$WORK/err" ||
	fail "a downstream that has more goes on: $(cat "$WORK/err")"

echo "a lane that was cut"
rm -r "$DATA"
mv "$WORK/whole" "$DATA"
rm "$DATA"/lane-*/ckpt-*
printf 'damaged' | dd of="$DATA/lane-000/seg-000000000001" bs=1 seek=200000 conv=notrunc \
	status=none
"$BIN/doorbuster" journal repair "$DATA" --lane 0 --cut >"$WORK/repair" 2>&1 ||
	fail "repair: $(cat "$WORK/repair")"
start_engine --port "$PORT" --shards 2 --segment-mib 1
sell 10 5000
stop_engine
expect_refused "relay of a lane that was cut" 'lane 0: .*cut by `journal repair`.* twice' \
	"$BIN/doorbuster" relay --data "$DATA" --to file:"$COPY" --once
expect_refused "consumer of a lane that was cut" 'lane 0: .*cut by `journal repair`.* twice' \
	"$BIN/doorbuster" consume --from data:"$DATA" --cursor "$WORK/data.cursor"
