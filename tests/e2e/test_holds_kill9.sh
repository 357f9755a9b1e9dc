# The scenarios `holds` and, over two shards, `baskets`, beside an engine that is killed in the
# middle of them: every buyer gets the answers that he would have got without that, no basket is
# carried out in part, and nothing is stranded.
# time limit: 150 s
. "$(dirname "$0")/lib.sh"

records() {
	"$BIN/doorbuster" journal verify "$DATA" --json | jq '[.lanes[].last_lsn] | add'
}
records_reached() {
	[ "$(records)" -ge "$1" ]
}

killed_in() { # SCENARIO BUYERS ENGINE-ARGS...
	local scenario=$1 buyers=$2 load offered
	shift 2

	DATA=$WORK/$scenario
	CATALOG=$DATA.csv
	"$BIN/doorbuster" load --scenario "$scenario" --requests "$buyers" --catalog-out "$CATALOG"
	start_engine "$@"
	offered=$(records)
	"$BIN/doorbuster" load --scenario "$scenario" --server 127.0.0.1:7700 --keys "$KEYS" \
		--requests "$buyers" --timeout-ms 60000 --ack durable --json \
		>"$WORK/load.json" 2>"$WORK/load.err" &
	load=$!
	wait_for "records on disk" records_reached $((offered + 300))
	kill9
	echo "$scenario: killed with $(records) records on disk"
	kill -0 $load 2>/dev/null || fail "the load is over already"
	start_engine "$@"
	wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
	stop_engine
	verify
}

sold_is() { # FILTER
	local told
	told=$(json "$1" "$WORK/load.json")
	expect_eq "units sold" "$told" "$(drained units)"
	expect_eq "units sold, in the journal" "$told" "$(json .units "$WORK/verify.json")"
	expect_eq "units held" 0 "$(json .units_held "$WORK/verify.json")"
}

make_keys
killed_in holds 3000
sold_is '.holds | .confirmed.units + .late.units - .returned.units - .written_off.units'
for what in held confirmed ran_out released extended; do
	[ "$(json ".holds.$what.count" "$WORK/load.json")" -gt 0 ] || fail "nothing $what"
done
killed_in baskets 600 --shards 2
sold_is '.baskets | .bought.units + .in_part.units + .confirmed.units + .late.units'
expect_eq "baskets in part, and other answers" "0 0" \
	"$(jq -r '.baskets | "\(.halves) \(.other_answers)"' "$WORK/load.json")"
for what in bought held confirmed released ran_out; do
	[ "$(json ".baskets.$what.count" "$WORK/load.json")" -gt 0 ] || fail "nothing $what"
done
