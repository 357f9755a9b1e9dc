# The exit codes of the tools: every one of buy and load; output that cannot be printed is no
# success. And the layout of their usage texts: for a terminal of 80 columns, no word alone on a
# line.
. "$(dirname "$0")/lib.sh"

TO="--server 127.0.0.1:7700 --keys $KEYS"

# Runs a tool, which must end with this exit code; what it says goes to $WORK/out.
expect_rc() { # RC VERB ARGS...
	local want=$1 rc=0
	shift

	"$BIN/doorbuster" "$@" >"$WORK/out" 2>&1 || rc=$?
	expect_eq "exit code of $*, which said: $(tail -n 3 "$WORK/out")" "$want" "$rc"
}

# Runs a tool with a full disk as stdout: it must say so and end with 2.
expect_told() { # VERB ARGS...
	local rc=0

	"$BIN/doorbuster" "$@" >/dev/full 2>"$WORK/out" || rc=$?
	expect_eq "exit code of $* >/dev/full" 2 "$rc"
	expect_match "what $* >/dev/full says" \
		'^doorbuster[a-z -]*: stdout: not all of the output could be written' \
		"$(tail -n 1 "$WORK/out")"
}

for program in "$BIN"/doorbuster "$BIN"/doorbuster-*; do
	[ -x "$program" ] || continue
	"$program" --help >"$WORK/help" || fail "$program --help"
	ill=$(awk 'length > 80 || (NF == 1 && length($1) < 12 && before != "") { print }
		{ before = $0 }' "$WORK/help")
	expect_eq "ill set lines of $program --help" "" "$ill"
done

make_keys
make_catalog 2,10,18446744073709551615,0,,, 3,10,500,0,,,
start_engine --max-orders 5

# shellcheck disable=SC2086
{
	expect_rc 0 buy $TO --sku 2 --buyer 18446744073709551615 --json
	expect_eq "a price in full" 18446744073709551615 "$(json .unit_price "$WORK/out")"
	expect_match "as JSON" ACCEPTED "$(json .verdict "$WORK/out")"
	expect_rc 0 buy $TO --sku 2 --buyer 18446744073709551614 --json --numbers \
		--request-id 123456789012345678901234567890e1
	expect_eq "a number" 1 "$(grep -c '"unit_price":18446744073709551615,' "$WORK/out")"
	expect_rc 1 buy $TO --sku 2 --buyer 1 --quantity 10
	expect_rc 1 buy $TO --sku 4711 --buyer 1
	expect_rc 1 buy $TO --sku 2 --buyer 1 --lookup --request-id "$(id 1)"
	expect_rc 2 buy $TO --sku 2
	expect_rc 2 buy --server 127.0.0.1:9 --keys "$KEYS" --sku 2 --buyer 1 --timeout-ms 200

	echo "a load against another catalog"
	expect_rc 1 load --scenario drop $TO --requests 1000
	expect_match "why" 'does not sell what the scenario buys' "$(tail -n 1 "$WORK/out")"
	expect_rc 2 load --scenario drop $TO --skus 5
	expect_match "why" '^doorbuster-load: --skus: ' "$(tail -n 1 "$WORK/out")"

	echo "stdout that is full"
	expect_told help
	expect_told --version
	expect_told buy $TO --sku 3 --buyer 1
	expect_told buy $TO --sku 3 --buyer 2 --json
	expect_told buy --help
	expect_told load --help
	expect_told load --scenario drop $TO --requests 100
	expect_told load --scenario drop $TO --requests 100 --json
	expect_told journal verify "$DATA"
	expect_told journal verify "$DATA" --json
	expect_told journal dump "$DATA"
	expect_told journal dump "$DATA" --json
	expect_told journal --help
	expect_told keygen "$WORK/other_keys"
	expect_rc 2 load --scenario drop $TO --requests 100 --orders /dev/full
	expect_match "why" '^doorbuster-load: --orders /dev/full: not all' \
		"$(tail -n 1 "$WORK/out")"

	echo "tables that are full: nothing was changed"
	expect_rc 0 buy $TO --sku 3 --buyer 3
	expect_rc 1 buy $TO --sku 3 --buyer 4
	expect_match "verdict" 'tables full' "$(cat "$WORK/out")"
}
stop_engine
expect_eq "orders" 5 "$(drained orders)"

echo "what others make of values of 64 bits"
"$BIN/doorbuster" consume --from data:"$DATA" --format csv >"$WORK/orders.csv"
"$BIN/doorbuster" consume --from data:"$DATA" >"$WORK/orders.jsonl"
python3 "$(dirname "$0")/read_wide.py" "$WORK/orders.csv" "$WORK/orders.jsonl"

echo "a seed can be given back"
rm "$CATALOG"
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
for round in 1 2; do
	rm -rf "$DATA"
	start_engine
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load --scenario drop $TO --requests 500 --json ${seed:+--seed $seed} \
		--orders "$WORK/orders" >"$WORK/load.json" || fail "load: $(cat "$WORK/load.json")"
	seed=$(json .seed "$WORK/load.json")
	stop_engine
	cut -d, -f2-4 "$WORK/orders" | sort >"$WORK/orders.$round"
done
cmp "$WORK/orders.1" "$WORK/orders.2" || fail "a run with the same seed differs"
