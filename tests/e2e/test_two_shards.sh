# Two shards, one worker: exactly one of them sells each SKU, the other names that shard, and
# nothing is ever executed at the wrong one.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog $(seq -f '%.0f,5,100,0,,,' 1 40)
start_engine --shards 2
expect_match "ready line" 'udp=7700-7701 shards=2' "$(ready_line)"

sold=(0 0)
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
