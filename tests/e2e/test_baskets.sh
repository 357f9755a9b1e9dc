# Baskets with `doorbuster buy`: from a file, all or nothing; held, paid and released as a whole; a
# refused one changes nothing; the same answers after kill -9; bad files are named with the line.
. "$(dirname "$0")/lib.sh"

make_keys
CATALOG_HEADER+=,shard
# SKU 1 belongs to shard 0 by its number: the client is sent on.
make_catalog 1,9,100,9,,,3600,1 2,9,250,0,,,3600,1 3,2,990,0,,,3600,1 4,5,10,0,,,3600,0
start_engine --shards 2

baskets=0
# Asks with `buy`, which must end with this code and give these verdicts, with commas. JSON in
# $WORK/answers.json. What was carried out is kept for ask_again.
buys() { # RC VERDICTS ARGS...
	local want=$1 verdicts=$2 rc=0
	shift 2

	baskets=$((baskets + 1))
	[[ " $* " == *" --request-id "* ]] || set -- "$@" --request-id "$(id $((1000 + baskets)))"
	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 60000 --json \
		"$@" >"$WORK/answers.json" 2>"$WORK/err" || rc=$?
	expect_eq "verdicts of $*" "$verdicts" \
		"$(jq -rs 'map(.verdict) | join(",")' "$WORK/answers.json")$(cat "$WORK/err")"
	expect_eq "exit code of $*" "$want" $rc
	if [ $rc = 0 ]; then
		printf '%s\n' "$verdicts $*" >>"$WORK/asked"
		said >>"$WORK/said"
	fi
}

said() {
	jq -c '[.sku, .verdict, .order_id, .unit_price, .instant_ns, .quantity]' \
		"$WORK/answers.json"
}

got() { # FILTER: of the answers, a JSON object a line
	jq -rs "$1" "$WORK/answers.json"
}

cart() { # NAME LINE...
	local name=$1
	shift
	printf '%s\n' "$@" >"$WORK/$name"
}

echo "bought in one step"
cart two sku,quantity,max_price 1,2,100 2,1,
buys 0 ACCEPTED,ACCEPTED --buyer 1 --basket "$WORK/two"
expect_eq "each line" "1 2 100 7, 2 1 250 8" \
	"$(got 'map("\(.sku) \(.quantity) \(.unit_price) \(.stock_left)") | join(", ")')"
expect_eq "one after the other in the lane" 1 \
	"$(got '(.[1].order_id | tonumber) - (.[0].order_id | tonumber)')"
first=$(said)
buys 0 ACCEPTED,ACCEPTED --buyer 1 --basket "$WORK/two" --request-id "$(id $((1000 + baskets)))"
expect_eq "asked again" "$first" "$(said)"
expect_match "as words" "^SKU 1: accepted: order [0-9]+, 2 at 100, .*
SKU 2: accepted: order [0-9]+, 1 at 250, " \
	"$("$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --buyer 1 --basket - \
		--request-id "$(id 1001)" <"$WORK/two")"

echo "refused: nothing changes"
cart third 1,1 3,3
buys 1 BASKET_REFUSED,SOLD_OUT --buyer 1 --basket "$WORK/third"
expect_eq "left of each" "7 2" "$(got 'map(.stock_left) | join(" ")')"
cart dear 2,1,249 1,1
buys 1 PRICE_TOO_HIGH,BASKET_REFUSED --buyer 1 --basket "$WORK/dear"
buys 1 ACCEPTED,SOLD_OUT --buyer 1 --basket "$WORK/third" --what-there-is
expect_eq "left of each" "6 2" "$(got 'map(.stock_left) | join(" ")')"

echo "held, and paid or released by the first line's order"
buys 0 HELD,HELD --buyer 2 --basket "$WORK/two" --hold
paid=$(got '.[0].order_id')
buys 0 HELD,HELD --buyer 2 --basket "$WORK/two" --hold
released=$(got '.[0].order_id')
expect_eq "left of each" "2 6" "$(got 'map(.stock_left) | join(" ")')"
buys 0 CONFIRMED --sku 1 --buyer 2 --confirm "$paid" --basket
expect_eq "units paid" 3 "$(got '.[0].quantity')"
buys 1 ALREADY_SOLD --sku 1 --buyer 2 --confirm "$paid" --basket
buys 1 NOT_FOUND --sku 1 --buyer 3 --release "$released" --basket
expect_match "as words" "^hold released: basket $released, 3 units in all, " \
	"$("$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --sku 1 --buyer 2 \
		--release "$released" --basket --request-id "$(id 7)")"
buys 0 RELEASED --sku 1 --buyer 2 --release "$released" --basket --request-id "$(id 7)"
buys 1 HOLD_RELEASED --sku 1 --buyer 2 --confirm "$released" --basket
cart rest 1,4 2,7
buys 0 ACCEPTED,ACCEPTED --buyer 3 --basket "$WORK/rest"
expect_eq "left of each" "0 0" "$(got 'map(.stock_left) | join(" ")')"

echo "over two shards"
cart over 4,1 3,1
buys 0 ACCEPTED,ACCEPTED --buyer 4 --basket "$WORK/over"
expect_eq "a lane for each" "0 1" \
	"$(got 'map(.order_id | tonumber / 281474976710656 | floor) | join(" ")')"
cart half 3,1 4,5
buys 1 BASKET_REFUSED,SOLD_OUT --buyer 4 --basket "$WORK/half"
expect_eq "left of each" "1 4" "$(got 'map(.stock_left) | join(" ")')"
buys 0 HELD,HELD --buyer 5 --basket "$WORK/over" --hold
over=$(got '.[0].order_id')
buys 1 SOLD_OUT,BASKET_REFUSED --buyer 4 --basket "$WORK/half"
buys 0 CONFIRMED --sku 4 --buyer 5 --confirm "$over" --basket
expect_eq "units paid" 2 "$(got '.[0].quantity')"

echo "killed, and asked again"
kill9
start_engine --shards 2
mv "$WORK/asked" "$WORK/asked.all"
mv "$WORK/said" "$WORK/said.all"
while read -r verdicts args; do
	# shellcheck disable=SC2086
	buys 0 "$verdicts" $args
done <"$WORK/asked.all"
cmp "$WORK/said" "$WORK/said.all" || fail "an answer is another one now"

echo "files that are no baskets"
wrong() { # FILE WHAT
	local rc=0

	"$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" --buyer 9 --basket "$1" \
		>"$WORK/out" 2>"$WORK/err" || rc=$?
	expect_eq "exit code of $1" 2 $rc
	expect_match "$1" "$2" "$(cat "$WORK/err")"
	[ ! -s "$WORK/out" ] || fail "$1 was asked: $(cat "$WORK/out")"
}
cart empty sku,quantity
wrong "$WORK/empty" 'empty:1: no lines; a basket has 2 to 29'
cart one 1,1
wrong "$WORK/one" 'one:1: one line is no basket'
mapfile -t lines < <(seq -f '%.0f,1' 1 30)
cart many "${lines[@]}"
wrong "$WORK/many" 'many:30: 30 lines; a basket has at most 29'
cart twice 1,1 2,1 1,2
wrong "$WORK/twice" 'twice:3: column 1 \(sku\): SKU 1 is in line 1 already'
cart letters 1,one 2,1
wrong "$WORK/letters" "letters:1: column 2 \(quantity\): 'one' is not a whole number"
wrong "$WORK/nowhere" 'nowhere: No such file'

stop_engine
verify
expect_eq "units sold" "22 $(drained units)" \
	"$(json .units "$WORK/verify.json") $(json .units "$WORK/verify.json")"
expect_eq "units held" 0 "$(json .units_held "$WORK/verify.json")"
