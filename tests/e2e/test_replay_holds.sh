# Captured holds, replayed to an engine that gives other order ids: everybody pays, lengthens and
# returns what he holds there, also where a payment leaves before the answer that tells its order.
# time limit: 60 s
. "$(dirname "$0")/lib.sh"

GOLDEN=$(cd "$(dirname "$0")/golden" && pwd)
cd "$WORK" || exit
(umask 077; echo "1 000102030405060708090a0b0c0d0e0f" >"$KEYS")
# A SKU more, of which somebody buys, so that no order has its captured id; nobody is late.
awk -F , -v OFS=, 'NR > 1 { $2 *= 10; $7 = 600; $9 = 700 } { print }' "$GOLDEN/holds.csv" \
	>"$CATALOG"
echo 99,10,100,0,,,,,,, >>"$CATALOG"
start_engine
expect_verdict ACCEPTED sku=99,buyer=7,id="$(id 1)"

"$BIN/doorbuster" replay "$GOLDEN/holds.pcap.gz" --to 127.0.0.1:7700 --flat-out --keys "$KEYS" \
	--json >replay.json 2>err || fail "replay: $(cat err)"
expect_eq "requests answered" "$(json .sent replay.json)" "$(json .answered replay.json)"
expect_eq "holds" '{"HELD":291}' "$(jq -c .verdicts_by_op.HOLD replay.json)"
expect_eq "payments" '{"CONFIRMED":88}' "$(jq -c .verdicts_by_op.CONFIRM replay.json)"
expect_eq "extensions" '{"EXTENDED":9}' "$(jq -c .verdicts_by_op.EXTEND replay.json)"
expect_eq "releases" '{"RELEASED":7}' "$(jq -c .verdicts_by_op.RELEASE replay.json)"
expect_eq "returns" '{"RETURNED":5}' "$(jq -c .verdicts_by_op.RETURN replay.json)"
expect_eq "requests that name an order" '[109,109,0,0]' "$(jq -c '.comparison.named_orders |
	[.requests, .moved, .not_made, .guessed]' replay.json)"
# Those that were late in the capture, and nothing else.
expect_eq "differences" 19 "$(json .comparison.different replay.json)"
expect_eq "of payments" 19 "$(json .comparison.by_op.CONFIRM.different replay.json)"
stop_engine
verify_agrees
