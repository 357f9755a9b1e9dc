# Two shards, one worker: exactly one of them sells each SKU, the other names that shard, and
# nothing is ever executed at the wrong one.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog $(seq -f '%.0f,5,100,0,,,' 1 40)
start_engine --shards 2
expect_match "ready line" 'udp=7700-7701 shards=2' "$(ready_line)"

sold=(0 0)
number=() # the shard that a SKU's number names
for sku in $(seq 1 40); do
	shard=0
	line=$(ask --shard 0 "sku=$sku,buyer=1,id=$(id "$sku")")
	if [[ $line == WRONG_SHARD* ]]; then
		shard=$(field quantity "$line")
		expect_eq "shard named for SKU $sku" 1 "$shard"
		line=$(ask --shard 1 "sku=$sku,buyer=1,id=$(id "$sku")")
	else
		expect_verdict WRONG_SHARD --shard 1 "sku=$sku,buyer=1,id=$(id "$sku")"
		expect_eq "shard named for SKU $sku" 0 "$(field quantity "$REPLY_LINE")"
	fi
	expect_eq "verdict for SKU $sku" ACCEPTED "${line%% *}"
	expect_eq "shard that answered" "$shard" "$(field shard "$line")"
	sold[shard]=$((sold[shard] + 1))
	number[sku]=$shard
done
[ "${sold[0]}" -gt 0 ] && [ "${sold[1]}" -gt 0 ] || fail "one shard sold all: ${sold[*]}"
expect_verdict PONG --shard 1 op=ping,id=$(id 1)
expect_eq "shards told" 2 "$(field quantity "$REPLY_LINE")"

# The client library finds the shard by itself.
for sku in 1 2 3 4 5 6; do
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku $sku --buyer 2 \
		>/dev/null || fail "buy of SKU $sku"
done
stop_engine
expect_eq "orders" 46 "$(drained orders)"
expect_eq "orders of lane 0" 1 "$(grep -c "^lane 0 orders=[1-9]" "$ENGINE_OUT")"
expect_eq "orders of lane 1" 1 "$(grep -c "^lane 1 orders=[1-9]" "$ENGINE_OUT")"
verify_agrees

# A catalog that places SKUs. Shard 0 names shard 1 for A, which the file puts there, and for C,
# whose group is sold where B belongs. Clients find both; a restart keeps it.
nth() { # SHARD N
	for sku in $(seq 1 40); do
		[ "${number[sku]}" != "$1" ] || echo "$sku"
	done | sed -n "$2p"
}
A=$(nth 0 1) B=$(nth 1 1) C=$(nth 0 2) D=$(nth 0 3)
DATA=$WORK/placed
place() { # SHARD-OF-A MORE-LINES...
	printf '%s\n' "$CATALOG_HEADER,group,group_limit,shard" "$A,5,100,0,,,,,,$1" \
		"$B,5,100,0,,,,7,2," "$C,5,100,0,,,,7,2," "${@:2}" >"$CATALOG"
}
buy() { # SKU BUYER
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku "$1" --buyer "$2" || true
}
sold_by_shard_1() {
	for sku in "$A" "$C"; do
		expect_verdict WRONG_SHARD --shard 0 "sku=$sku,buyer=9,id=$(id 9)"
		expect_eq "shard named for SKU $sku" 1 "$(field quantity "$REPLY_LINE")"
	done
	expect_verdict ACCEPTED --shard 1 "sku=$A,buyer=1,id=$(id 1)"
	expect_match "the group's limit" '^limit per buyer reached' "$(buy "$B" 3)"
}
refused_start() { # PATTERN ARGS...
	local rc=0 pid
	"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" --shards 2 --segment-mib 1 \
		"${@:2}" >"$WORK/refused.out" 2>"$WORK/refused.err" &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		! grep -q '^ready ' "$WORK/refused.out" || fail "it sells, and should not: $1"
		sleep 0.05
	done
	wait $pid || rc=$?
	expect_eq "exit code of a refused start" 2 $rc
	expect_match "why" "$1" "$(tail -n 1 "$WORK/refused.err")"
}
dump() { # ARGS...
	"$BIN/doorbuster" journal dump "$DATA" --catalog "$@"
}

place 7
refused_start "$CATALOG:2: column 10 \(shard\): shard 7 is not there: with 2 in all they are 0 to 1"
place 1
start_engine --shards 2 --segment-mib 1
expect_match "ready line" 'offers_added=3$' "$(ready_line)"
expect_match "bought through the wrong shard" '^accepted: order ' "$(buy "$A" 2)"
expect_match "of the group" '^accepted: order ' "$(buy "$B" 3)"
expect_match "of the group" '^accepted: order ' "$(buy "$C" 3)"
sold_by_shard_1
kill9
start_engine --shards 2 --segment-mib 1 --catalog-differs refuse
expect_match "ready line" 'offers_added=0$' "$(ready_line)"
sold_by_shard_1
stop_engine
expect_eq "orders" 4 "$(drained orders)"
verify_agrees

# What is on sale is not sold a second time in another shard.
dump >"$WORK/dumped.csv"
dump --against "$CATALOG" >"$WORK/against" || fail "a difference: $(cat "$WORK/against")"
dump --against "$WORK/dumped.csv" >"$WORK/against" || fail "a difference: $(cat "$WORK/against")"
place 0
refused_start '1 have other terms and 0 are missing'
grep -q "^$CATALOG:2: SKU $A is on sale with shard 1, the file says 0$" "$WORK/refused.err" ||
	fail "the difference: $(cat "$WORK/refused.err")"
start_engine --shards 2 --segment-mib 1 --catalog-differs keep
sold_by_shard_1
stop_engine
dump | diff "$WORK/dumped.csv" - || fail "something else is on sale"

# A start that ends between the two records goes on the next time, and with no other shard.
place 1 "$D,5,100,0,,,,,,1"
touch "$WORK/fail"
LD_PRELOAD=$BIN/tests/e2e/preload_failing_lane.so FAIL_WHILE=$WORK/fail \
	ASAN_OPTIONS=verify_asan_link_order=0 refused_start 'lane 1: writing its offers failed'
place 1 "$D,5,100,0,,,,,,"
refused_start "$CATALOG:5: column 10 \(shard\): SKU $D belongs to shard 1 by a start that"
place 1 "$D,5,100,0,,,,,,1"
start_engine --shards 2 --segment-mib 1
expect_match "ready line" 'offers_added=1$' "$(ready_line)"
expect_match "bought through the wrong shard" '^accepted: order ' "$(buy "$D" 2)"
stop_engine
verify_agrees
