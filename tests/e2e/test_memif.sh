# memif with a second process: a load over DPDK ports; then a bridge between memif and a tap, over
# which the kernel finds the engine by ARP and NDP, pings it, and buys. Peers come and go.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

SOCKET=$WORK/memif

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine --port memif:"$SOCKET"
expect_match "ready line" "port=memif:$SOCKET " "$(ready_line)"

for round in 1 2; do
	"$BIN/doorbuster" load --scenario drop --server 198.18.0.1:7700 --port memif:"$SOCKET" \
		--keys "$KEYS" --seed 4 --requests 100000 --timeout-ms 60000 \
		--orders "$WORK/orders.csv" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load $round: $(cat "$WORK/load.json" "$WORK/load.err")"
	# The second load sends the same requests again: it gets the same answers, nothing is sold
	# twice.
	sort "$WORK/orders.csv" >"$WORK/orders.$round"
	expect_eq "orders of load $round" 15000 "$(($(wc -l <"$WORK/orders.csv") - 1))"
done
cmp "$WORK/orders.1" "$WORK/orders.2" || fail "different answers to the same requests"

. "$(dirname "$0")/bridge.sh"
start_bridge "$SOCKET"
ping -c 2 -W 5 198.18.0.1 >/dev/null || fail "no ping over memif"
ping -6 -c 2 -W 5 2001:2::1 >/dev/null || fail "no ping -6 over memif"
ping -c 1 -s 1400 -W 5 198.18.0.1 >/dev/null || fail "no large ping over memif"
sku=$(sed -n '2s/,.*//p' "$CATALOG")
expect_verdict SOLD_OUT --to 198.18.0.1 "sku=$sku,buyer=1,id=$(id 1)"
expect_verdict SOLD_OUT --to 2001:2::1 "sku=$sku,buyer=1,id=$(id 1)"
rc=0
"$BIN/doorbuster" buy --server 198.18.0.1:7700 --keys "$KEYS" --sku "$sku" --buyer 1 || rc=$?
expect_eq "exit code of a refused buy" 1 "$rc"
stop_bridge

stop_engine
expect_eq "orders" 15000 "$(drained orders)"
[ "$(field neighbours "$(grep ^traffic "$ENGINE_OUT")")" -ge 7 ] || fail "neighbours not counted"
[ ! -e "$SOCKET" ] || fail "the socket is still there"
verify_agrees
