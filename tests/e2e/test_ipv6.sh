# The same engine answers on ::1; what was bought over one address family is known over the other.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
start_engine

expect_verdict ACCEPTED --to ::1 sku=1,buyer=1,id=$(id 1)
over_ipv6=$REPLY_LINE
expect_verdict ACCEPTED --to 127.0.0.1 sku=1,buyer=1,id=$(id 1)
expect_eq "answer over IPv4" "$over_ipv6" "$REPLY_LINE"
"$BIN/doorbuster" buy --server '[::1]:7700' --keys "$KEYS" --sku 1 --buyer 2 --json \
	>"$WORK/buy.json" || fail "buy over IPv6: $(cat "$WORK/buy.json")"
expect_eq "stock left" 8 "$(json .stock_left "$WORK/buy.json")"
stop_engine
expect_eq "orders" 2 "$(drained orders)"
verify_agrees
