# A relay beside a selling engine, into files: when relay or engine are killed at any moment, the
# relay goes on where the copy ended. It cuts what a crash of the machine leaves of a copy, and
# sends it again. The copy is the lane byte by byte, and an engine can start on it; each JSON line
# is there once.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

COPY=$WORK/copy
LINES=$WORK/lines
PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 500 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")

relay() { # NAME ARGS...
	"$BIN/doorbuster-relay" --data "$DATA" --name "$1" "${@:2}" >"$WORK/relay.$1" \
		2>"$WORK/relay.$1.err"
}

relay_beside() { # NAME ARGS...
	"$BIN/doorbuster-relay" --data "$DATA" --name "$1" "${@:2}" >"$WORK/relay.$1" \
		2>"$WORK/relay.$1.err" &
}

# Each lane of the copy must be the original's, block by block.
same_bytes() {
	local file original
	for file in "$COPY"/lane-*/seg-*; do
		original=$DATA/${file#"$COPY/"}
		cmp -s "$file" "$original" && continue
		# The original may go on where the copy ends: with a closing block.
		expect_eq "bytes of $file that differ, and are not zero in the copy" 0 \
			"$(cmp -l "$file" "$original" | awk '$2 != 0' | wc -l)"
	done
}

sell() { # SEED REQUESTS
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 500 --requests 60000 \
	--catalog-out "$CATALOG"
start_engine --port "$PORT" --shards 2 --segment-mib 4

echo "killed again and again beside the sale"
for n in 1 2 3 4; do
	relay_beside blocks --to file:"$COPY"
	one=$!
	relay_beside json --to file:"$LINES" --format json
	two=$!
	sell $n 10000
	kill -9 $one $two || fail "a relay ended: $(cat "$WORK"/relay.*.err)"
	wait $one || true
	wait $two || true
	[ $n != 2 ] || { kill9; start_engine --port "$PORT" --shards 2 --segment-mib 4; }
done
stop_engine
# What others could read until now, as with an umask of old: not after the next start.
chmod 644 "$COPY"/lane-*/seg-* "$LINES"/lane-* "$DATA"/downstream-blocks
verify_agrees
orders=$(json .orders "$WORK/verify.json")
relay blocks --to file:"$COPY" --once || fail "relay: $(cat "$WORK/relay.blocks.err")"
relay json --to file:"$LINES" --format json --once || fail "relay: $(cat "$WORK/relay.json.err")"
same_bytes
expect_eq "files with buyers in them that others can read" "" \
	"$(find "$COPY"/lane-* "$LINES" "$DATA"/downstream-* -type f -perm /077)"
"$BIN/doorbuster" journal verify "$COPY" --json >"$WORK/copy.json" ||
	fail "the copy: $(cat "$WORK/copy.json")"
expect_eq "orders of the copy" "$orders" "$(json .orders "$WORK/copy.json")"
expect_eq "state of the copy" "$(json .state_hash "$WORK/verify.json")" \
	"$(json .state_hash "$WORK/copy.json")"
for lane in 0 1; do
	cmp <("$BIN/doorbuster" journal dump "$DATA" --lane $lane --json) \
		"$LINES/lane-00$lane.jsonl" || fail "the lines of lane $lane differ"
done
# Offers, which come first, and some thousand orders.
head -n 3000 "$LINES/lane-000.jsonl" >"$WORK/some"
expect_eq "kinds of records that the schema was asked about" "offer order" \
	"$(python3 tests/e2e/check_schema.py tools/downstream/record.schema.json "$WORK/some")"
"$BIN/doorbuster-relay" --data "$DATA" --name numbers --to - --format json --numbers --once \
	2>"$WORK/err" | head -n 3000 >"$WORK/numbers" || true
expect_eq "kinds with numbers" "offer order" "$(python3 tests/e2e/check_schema.py --numbers \
	tools/downstream/record.schema.json "$WORK/numbers")"

echo "a journal with holds: records of all kinds, as blocks and as lines"
(umask 077; echo "1 000102030405060708090a0b0c0d0e0f" >"$WORK/golden.keys")
GOLDEN=$(cd "$(dirname "$0")/golden" && pwd)
"$BIN/doorbuster" replay "$GOLDEN/holds.pcap.gz" --offline --keys "$WORK/golden.keys" \
	--catalog "$GOLDEN/holds.csv" --journal "$WORK/holds" --json >"$WORK/replay.json"
for to in "held.copy block" "held.lines json"; do
	# shellcheck disable=SC2086 # words
	"$BIN/doorbuster-relay" --data "$WORK/holds" --to file:"$WORK/${to% *}" --format ${to#* } \
		--name "${to#* }" --once >"$WORK/err" 2>&1 || fail "relay: $(cat "$WORK/err")"
done
"$BIN/doorbuster" journal dump "$WORK/holds" --json >"$WORK/held"
cmp "$WORK/held" "$WORK/held.lines/lane-000.jsonl" || fail "the lines of the holds differ"
"$BIN/doorbuster" consume --from file:"$WORK/held.copy" | cmp - "$WORK/held" ||
	fail "the copy of the holds differs"
expect_eq "kinds with holds" "confirm expire extend hold offer release return" \
	"$(python3 tests/e2e/check_schema.py tools/downstream/record.schema.json "$WORK/held")"
# By the lines alone, as DOWNSTREAM.md says: what is sold, and what ran out.
expect_eq "units by the lines" "$(json '.sales[0].units' "$WORK/replay.json")" \
	"$(jq -s 'map(select(.kind == "confirm" and (.refund | not)).quantity) + map(select(
		.kind == "return") | -.quantity) | add' "$WORK/held")"
python3 - "$WORK/held" >"$WORK/ran_out" <<'PYTHON' || fail "the runs of expire do not add up"
import json, sys
held, ended = {}, 0
for record in map(json.loads, open(sys.argv[1])):
    kind, order, lsn = record["kind"], record["order_id"], record["lsn"]
    if kind == "hold":
        held[order] = [record["sku"], lsn, False, record["quantity"]]
    elif kind == "extend":
        held[order][1:3] = lsn, True
    elif kind == "release":
        held[order][3] -= record["quantity"]
    elif kind == "confirm":
        held.pop(order, None)
    elif kind == "expire":
        run = [id for id, (sku, since, extended, units) in held.items() if units > 0 and (
            id == order if record["one"] else sku == record["sku"] and
            extended == record["extended"] and since <= record["up_to_lsn"])]
        units = sum(held.pop(id)[3] for id in run)
        assert (len(run), units) == (record["holds"], record["units"]), record
        ended += len(run)
print(ended)
PYTHON
expect_eq "holds that ran out, with those paid late or refunded" \
	"$(json '.sales[0].holds | .ran_out + .paid_late + .refunded' "$WORK/replay.json")" \
	"$(cat "$WORK/ran_out")"

echo "what a crash of the machine leaves: the last blocks of the copy torn, lost, out of order"
last=$(find "$COPY/lane-000" -name 'seg-*' | sort | tail -n 1)
end=$(awk '$1 == "lane" && $2 == 0 { print $8 }' "$DATA/downstream-blocks")
dd if=/dev/urandom of="$last" bs=512 count=3 seek=$((end / 512 - 16)) conv=notrunc status=none
echo garbage >"$COPY/lane-001/seg-000000000099.new"
relay blocks --to file:"$COPY" --once || fail "relay: $(cat "$WORK/relay.blocks.err")"
expect_match "what it says" 'lane 0: downstream had LSN [0-9]+ and ends with .* it lost what' \
	"$(cat "$WORK/relay.blocks.err")"
same_bytes

echo "to a pipe, and with nothing to do"
relay pipe --to - --format json --once
# The lanes take turns.
cmp <(grep '^{"lane":0,' "$WORK/relay.pipe"; grep '^{"lane":1,' "$WORK/relay.pipe") \
	<("$BIN/doorbuster" journal dump "$DATA" --json) || fail "lines of the pipe"
relay blocks --to file:"$COPY" --once --json
expect_eq "what is left to do" "true 0 0" \
	"$(jq -r '"\(.last) \([.lanes[].blocks] | add) \([.lanes[].behind_records] | add)"' \
	"$WORK/relay.blocks")"

echo "no copy into the journal itself, by whatever name"
ln -s "$DATA" "$WORK/alias"
for copy in "$DATA" "$WORK/alias" "$DATA/."; do
	rc=0
	"$BIN/doorbuster" relay --data "$DATA" --name self --to file:"$copy" 2>"$WORK/err" || rc=$?
	expect_eq "exit code" 2 $rc
	expect_match "why" 'is the journal itself: name another directory' "$(cat "$WORK/err")"
done

echo "a disk that is full is away until it has room, and that is told once"
mkdir "$WORK/small"
mount -t tmpfs -o size=8M tmpfs "$WORK/small"
relay_beside full --to file:"$WORK/small/lines" --format json
one=$!
wait_for "the relay to notice" grep -q 'away: .*No space left' "$WORK/relay.full.err"
sleep 1
expect_eq "times it was told" 1 "$(grep -c '^lane 0: downstream is away' "$WORK/relay.full.err")"
mount -o remount,size=1G "$WORK/small"
wait_for "it to go on" grep -q 'lane 0: downstream is back' "$WORK/relay.full.err"
wait_for "all of it" cmp "$WORK/small/lines/lane-000.jsonl" "$LINES/lane-000.jsonl"
kill -TERM $one
wait $one || fail "SIGTERM: $(cat "$WORK/relay.full.err")"
umount "$WORK/small"

echo "one relay at a time"
rm "$WORK/relay.blocks.err"
relay_beside blocks --to file:"$COPY"
one=$!
wait_for "the relay" grep -q 'continues after' "$WORK/relay.blocks.err"
rc=0
"$BIN/doorbuster" relay --data "$DATA" --name blocks --to file:"$COPY" 2>"$WORK/err" || rc=$?
expect_eq "exit code of the second relay" 2 $rc
expect_match "why" "another relay named 'blocks' runs" "$(cat "$WORK/err")"
"$BIN/doorbuster" relay --data "$DATA" --name other --to file:"$COPY" 2>"$WORK/err" || rc=$?
expect_match "why" 'copy is in use by another doorbuster' "$(cat "$WORK/err")"
kill -TERM $one
wait $one || fail "SIGTERM: $(cat "$WORK/relay.blocks.err")"

echo "a standby: an engine on the copy"
hash=$(json .state_hash "$WORK/verify.json")
DATA=$COPY
start_engine --port "$PORT" --shards 2
stop_engine
expect_eq "state of an engine on the copy" "$hash" "$(drained state_hash)"
