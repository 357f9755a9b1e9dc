# The scenario `holds` beside an engine that is killed in the middle of it: every buyer gets the
# answers that he would have got without that, and nothing is stranded.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

make_keys
"$BIN/doorbuster" load --scenario holds --requests 3000 --catalog-out "$CATALOG"
start_engine
"$BIN/doorbuster" load --scenario holds --server 127.0.0.1:7700 --keys "$KEYS" --requests 3000 \
	--timeout-ms 60000 --ack durable --json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
records() {
	"$BIN/doorbuster" journal verify "$DATA" --json | jq '.lanes[0].last_lsn'
}
records_reached() {
	[ "$(records)" -ge "$1" ]
}
wait_for "holds on disk" records_reached 300
kill9
echo "killed with $(records) records on disk"
kill -0 $load 2>/dev/null || fail "the load is over already"
start_engine
wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
stop_engine
verify
told=$(json '.holds | .confirmed.units + .late.units - .returned.units - .written_off.units' \
	"$WORK/load.json")
expect_eq "units sold" "$told" "$(drained units)"
expect_eq "units sold, in the journal" "$told" "$(json .units "$WORK/verify.json")"
expect_eq "units held" 0 "$(json .units_held "$WORK/verify.json")"
for what in held confirmed ran_out released extended; do
	[ "$(json ".holds.$what.count" "$WORK/load.json")" -gt 0 ] || fail "nothing $what"
done
