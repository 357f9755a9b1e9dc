# A load over AF_XDP from another network namespace: the kernels on both sides do the ARP.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
make_veth
start_engine --port af_xdp:engine0

load() { # ARGS...
	in_buyers "$BIN/doorbuster" load --scenario drop --server 198.18.1.1:7700 --keys "$KEYS" \
		--port af_xdp:buyers0 --seed 4 --requests 20000 "$@"
}
rc=0
load 2>"$WORK/load.err" || rc=$?
expect_eq "exit code with an address of nobody's" 2 "$rc"
expect_match "what it said" 'address 198.18.0.2 on buyers0.*ip address show dev buyers0' \
	"$(tail -n 1 "$WORK/load.err")"
load --address 198.18.1.2 --orders "$WORK/orders.csv" --json >"$WORK/load.json" \
	2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
[ "$(json .orders "$WORK/load.json")" -gt 10000 ] || fail "few orders: $(cat "$WORK/load.json")"
in_buyers ip -d link show buyers0 | grep prog/xdp && fail "an XDP program stayed on buyers0"
stop_engine
expect_eq "orders" "$(json .orders "$WORK/load.json")" "$(drained orders)"
verify_agrees
ip link del engine0
