# LOOKUP reports what became of a request, before and after a crash, and changes nothing.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,2,100,1,,,
start_engine

expect_verdict NOT_FOUND op=lookup,sku=1,buyer=1,id=$(id 1)
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
order=$(field order "$REPLY_LINE")
expect_verdict ACCEPTED op=lookup,sku=1,id=$(id 1)
expect_eq "order looked up" "$order" "$(field order "$REPLY_LINE")"
expect_verdict LIMIT_REACHED sku=1,buyer=1,id=$(id 2)
expect_verdict NOT_FOUND op=lookup,sku=1,id=$(id 2)

kill9
start_engine
expect_verdict ACCEPTED op=lookup,sku=1,id=$(id 1)
expect_eq "order looked up after a crash" "$order" "$(field order "$REPLY_LINE")"
"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 1 --buyer 1 --lookup --json \
	--request-id "$(id 1)" >"$WORK/lookup.json" ||
	fail "buy --lookup: $(cat "$WORK/lookup.json")"
expect_eq "order that buy looks up" "$order" "$(json .order_id "$WORK/lookup.json")"
stop_engine
expect_eq "orders" 1 "$(drained orders)"
