# A checkout, step by step, with `doorbuster buy`: what each verdict says, that no buyer is refused
# because of himself, and that a late payment has one answer for good. After kill -9 every request
# gets its answer again.
. "$(dirname "$0")/lib.sh"

make_keys
CATALOG_HEADER+=,extensions,extend_seconds,group,group_limit
make_catalog 1,5,100,0,,,3600,2,7200,, 2,3,4990,2,,,1,0,,, 3,1,250,0,,,1,0,,, \
	4,4,100,0,,,3600,0,,7,1 5,4,100,0,,,3600,0,,7,1
start_engine --metrics $METRICS

buys=0
# Asks with `buy`, which must end with this code and give this verdict. JSON in $WORK/answer.json.
# What was carried out, or is final, is kept for ask_again.
asks() { # RC VERDICT ARGS...
	local want=$1 verdict=$2 rc=0
	shift 2

	buys=$((buys + 1))
	[[ " $* " == *" --request-id "* || " $* " == *" --lookup-order "* ]] ||
		set -- "$@" --request-id "$(id $((1000 + buys)))"
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 60000 --json \
		"$@" >"$WORK/answer.json" 2>"$WORK/err" || rc=$?
	expect_eq "verdict of $*" "$verdict" "$(jq -r .verdict "$WORK/answer.json" "$WORK/err")"
	expect_eq "exit code of $*" "$want" $rc
	if [ $rc != 1 ] && [[ " $* " != *" --lookup"* ]]; then
		printf '%s\n' "$rc $verdict $*" >>"$WORK/asked"
		said >>"$WORK/said"
	fi
}

# What must be the same whenever it is asked.
said() {
	jq -c '[.verdict, .order_id, .unit_price, .instant_ns, .quantity]' "$WORK/answer.json"
}

got() { # FIELD
	json ".$1" "$WORK/answer.json"
}

ask_again() {
	local rc verdict args

	cp "$WORK/asked" "$WORK/asked.all"
	mv "$WORK/said" "$WORK/said.all"
	rm "$WORK/asked"
	while read -r rc verdict args; do
		# shellcheck disable=SC2086
		asks "$rc" "$verdict" $args
	done <"$WORK/asked.all"
	cmp "$WORK/said" "$WORK/said.all" || fail "an answer is another one now"
}

echo "a hold, lengthened, in part given back"
asks 0 HELD --hold --sku 1 --buyer 1 --quantity 3
order=$(got order_id)
held_until=$(got instant_ns)
expect_eq "held price" 100 "$(got unit_price)"
expect_eq "units held" 3 "$(got quantity)"
expect_eq "durability" durable "$(got durability)"
expect_eq "stock left" 2 "$(got stock_left)"
asks 1 ALREADY_HELD --hold --sku 1 --buyer 1 --quantity 3
expect_eq "his hold" "$order $held_until 3" "$(got order_id) $(got instant_ns) $(got quantity)"
asks 1 SOLD_OUT --hold --sku 1 --buyer 2 --quantity 3
asks 1 OTHER_BUYER --confirm "$order" --sku 1 --buyer 2
asks 1 OTHER_BUYER --lookup-order "$order" --sku 1 --buyer 2
asks 1 NOT_FOUND --confirm 4711 --sku 1 --buyer 1
asks 1 NOT_FOUND --release "$order" --sku 2 --buyer 1
asks 1 TOO_MANY --confirm "$order" --sku 1 --buyer 1 --quantity 4
asks 1 TOO_MANY --release "$order" --sku 1 --buyer 1 --quantity 4
asks 1 BAD_QUANTITY --confirm "$order" --sku 1 --buyer 1 --quantity 0
asks 1 NOT_SOLD --return "$order" --sku 1 --buyer 1
asks 0 EXTENDED --extend "$order" --sku 1 --buyer 1
[ "$(got instant_ns)" -gt "$held_until" ] || fail "it does not end later"
asks 0 EXTENDED --extend "$order" --sku 1 --buyer 1
held_until=$(got instant_ns)
asks 1 CANNOT_EXTEND --extend "$order" --sku 1 --buyer 1
asks 0 RELEASED --release "$order" --sku 1 --buyer 1 --quantity 1
expect_eq "units released" 1 "$(got quantity)"

echo "who holds what"
holds() { # ARGS...
	"$BIN/doorbuster" journal holds "$DATA" "$@"
}
holds --json >"$WORK/holds.json" || fail "journal holds: $?"
expect_eq "open holds" "1 2 $order" \
	"$(jq -r '"\(.holds) \(.units) \(.oldest.order_id)"' "$WORK/holds.json")"
expect_eq "by SKU and age" "1 2" \
	"$(jq -r '.skus[] | "\(.sku) \(.by_age.under_1_min.units)"' "$WORK/holds.json")"
expect_match "as text" "oldest   since .*: order $order, SKU 1, buyer 1" "$(holds)"
get /metrics
expect_eq "the engine's open holds by age" "1 0 0 0 0" "$(for age in under_1_min under_5_min \
	under_15_min older ended; do
	metric "doorbuster_lane_open_holds{lane=\"0\",age=\"$age\"}"
done | paste -sd' ')"
expect_eq "their units" 2 "$(metric 'doorbuster_lane_open_hold_units{lane="0",age="under_1_min"}')"
expect_eq "SKUs that are named" 1 "$(grep -c '^doorbuster_sku_held_units{' "$WORK/answer")"
expect_eq "units of a SKU" 2 "$(metric 'doorbuster_sku_held_units{lane="0",sku="1"}')"
expect_eq "holds of a SKU" 1 "$(metric 'doorbuster_sku_open_holds{lane="0",sku="1"}')"
oldest_s=$(metric 'doorbuster_sku_oldest_hold_seconds{lane="0",sku="1"}')
expect_eq "age of the oldest" 1 "$(awk "BEGIN { print ($oldest_s > 0 && $oldest_s < 60) }")"

echo "short holds: one is paid late, one is not paid, one is to be paid back"
asks 0 HELD --hold --sku 2 --buyer 5 --quantity 2
late=$(got order_id)
asks 0 HELD --hold --sku 2 --buyer 6
unpaid=$(got order_id)
unpaid_until=$(got instant_ns)
asks 0 HELD --hold --sku 3 --buyer 7
refund=$(got order_id)
refund_until=$(got instant_ns)

echo "a group: one bottle, of any colour"
asks 0 HELD --hold --sku 4 --buyer 8
colour=$(got order_id)
asks 1 ALREADY_HELD --hold --sku 5 --buyer 8
expect_eq "his other colour" "$colour" "$(got order_id)"
asks 1 LIMIT_REACHED --sku 5 --buyer 8
asks 0 RELEASED --release "$colour" --sku 4 --buyer 8
asks 0 ACCEPTED --sku 5 --buyer 8

kill9
start_engine
ask_again
asks 0 HELD --lookup-order "$order" --sku 1 --buyer 1
expect_eq "what is held" "2 $held_until" "$(got quantity) $(got instant_ns)"

echo "paid in part: the rest is released"
asks 0 CONFIRMED --confirm "$order" --sku 1 --buyer 1 --quantity 1
expect_eq "sold at" 100 "$(got unit_price)"
expect_eq "stock left" 4 "$(got stock_left)"
asks 1 ALREADY_SOLD --confirm "$order" --sku 1 --buyer 1
asks 1 ALREADY_SOLD --release "$order" --sku 1 --buyer 1
asks 1 TOO_MANY --return "$order" --sku 1 --buyer 1 --quantity 2
asks 0 CONFIRMED --lookup-order "$order" --sku 1 --buyer 1
asks 0 RETURNED --return "$order" --sku 1 --buyer 1 --write-off
expect_eq "stock left" 4 "$(got stock_left)"
asks 1 NOT_SOLD --return "$order" --sku 1 --buyer 1
asks 0 RETURNED --lookup-order "$order" --sku 1 --buyer 1
expect_eq "sold of it" 0 "$(got quantity)"

echo "after the end"
past() {
	[ "$(date +%s%N)" -gt "$refund_until" ]
}
wait_for "the holds to end" past
asks 1 HOLD_ENDED --lookup-order "$unpaid" --sku 2 --buyer 6
expect_eq "its end" "$unpaid_until 1" "$(got instant_ns) $(got quantity)"
asks 1 HOLD_ENDED --release "$unpaid" --sku 2 --buyer 6
asks 0 CONFIRMED_LATE --confirm "$late" --sku 2 --buyer 5 --quantity 2
expect_eq "stock left" 1 "$(got stock_left)"
asks 0 ACCEPTED --sku 3 --buyer 9
bought=$(got order_id)
asks 3 HOLD_EXPIRED --confirm "$refund" --sku 3 --buyer 7
expect_eq "pay back" "1 250 $refund_until" \
	"$(got quantity) $(got unit_price) $(got instant_ns)"
asks 0 RETURNED --return "$bought" --sku 3 --buyer 9
expect_eq "free again" 1 "$(got stock_left)"
asks 3 HOLD_EXPIRED --confirm "$refund" --sku 3 --buyer 7
"$BIN/doorbuster" journal checkpoint "$DATA" >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
kill9
start_engine
expect_match "where it starts from" 'from a checkpoint at LSN' "$(cat "$ENGINE_OUT.err")"
asks 3 HOLD_EXPIRED --confirm "$refund" --sku 3 --buyer 7
asks 3 HOLD_EXPIRED --lookup-order "$refund" --sku 3 --buyer 7
ask_again
expect_eq "words" 3 "$("$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 3 \
	--buyer 7 --confirm "$refund" >"$WORK/words"; echo $?)"
expect_match "words" "^hold had ended .*: refund: order $refund ended .*pay back 1 at 250" \
	"$(cat "$WORK/words")"

stop_engine
verify
expect_eq "state of the journal" "$(drained state_hash)" "$(json .state_hash "$WORK/verify.json")"
expect_eq "units sold" "3 $(drained units)" \
	"$(json .units "$WORK/verify.json") $(json .units "$WORK/verify.json")"
expect_eq "units held" 0 "$(json .units_held "$WORK/verify.json")"
[ "$(json .blocks_conserved "$WORK/verify.json")" -ge 10 ] || fail "blocks proved: few"
expect_match "what became of the holds" 'in all   5 were held: 0 open, 2 paid, 1 released,' \
	"$(holds)"
"$BIN/doorbuster" journal dump "$DATA" --json >"$WORK/lines"
expect_eq "kinds of records" "confirm expire extend hold offer order release return" \
	"$(python3 tests/e2e/check_schema.py tools/downstream/record.schema.json "$WORK/lines")"

echo "the same again in a new sale, as after a repair: changes follow the new ids"
"$BIN/doorbuster" journal dump "$DATA" --json >"$WORK/report"
DATA=$WORK/other
# shellcheck disable=SC2034 # make_catalog and start_engine read it
CATALOG=$WORK/other.csv
make_catalog 9,1,1,0,,,,0,,, 1,5,100,0,,,3600,2,7200,, 2,3,4990,2,,,3600,0,,, \
	3,1,250,0,,,3600,0,,, 4,4,100,0,,,3600,0,,7,1 5,4,100,0,,,3600,0,,7,1
start_engine
rc=0
"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 60000 \
	--again "$WORK/report" >"$WORK/again" 2>"$WORK/err" || rc=$?
expect_eq "exit code with refunds and a unit that is held now" 1 $rc
# Of an old order: what it is now, and each answer in turn.
again() { # OLD-ID
	awk -F , -v id="$1" '$1 == id { printf "%s%s", n++ ? " " : "", $8 }' "$WORK/again"
}
# Lengthened twice at the same instant, it does not end later.
expect_match "held, lengthened, paid, returned" \
	'^HELD EXTENDED (CANNOT_EXTEND|EXTENDED) RELEASED CONFIRMED RETURNED$' "$(again "$order")"
expect_eq "paid late, and now in time" "HELD CONFIRMED" "$(again "$late")"
expect_eq "paid back" "HELD REFUNDED_BEFORE" "$(again "$refund")"
expect_eq "bought while it was free" "SOLD_OUT ORDER_REFUSED" "$(again "$bought")"
# One more offer was put on sale first.
expect_eq "the new id of all that was carried out" "$((order + 1))" \
	"$(awk -F , -v id="$order" '$1 == id && $2 != "" { print $2 }' "$WORK/again" | sort -u)"
stop_engine
