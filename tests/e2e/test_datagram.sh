# One datagram of 29 requests: answered in order, the same id twice in it is one order, and a
# refused request does not affect the others.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
start_engine

entries=()
for n in $(seq 1 14); do
	entries+=("sku=1,buyer=$n,id=$(id "$n")" "sku=1,buyer=$n,id=$(id "$n")")
done
entries+=("op=ping,id=$(id 99)")
ask "${entries[@]}" >"$WORK/replies" || fail "no reply to 29 entries"
expect_eq "replies" 29 "$(wc -l <"$WORK/replies")"
expect_eq "verdicts in order" "20 ACCEPTED 8 SOLD_OUT 1 PONG" \
	"$(cut -d' ' -f1 "$WORK/replies" | uniq -c | awk '{ print $1, $2 }' | paste -sd' ')"
for n in $(seq 1 2 20); do
	expect_eq "both answers to entry $n" "$(sed -n "${n}p" "$WORK/replies")" \
		"$(sed -n "$((n + 1))p" "$WORK/replies")"
done
stop_engine
expect_eq "orders" 10 "$(drained orders)"
verify_agrees
