# What the journal's tools and the engine say of a damaged journal: a flipped byte below a watermark
# and a lost segment are named and refused, a torn tail is cut; an order file that doesn't agree is
# noticed.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

SEGMENT=$DATA/lane-000/seg-000000000000

# Runs a command that must end with this exit code; its output goes to $WORK/out.
expect_rc() { # RC COMMAND...
	local want=$1 rc=0
	shift

	"$@" >"$WORK/out" 2>&1 || rc=$?
	expect_eq "exit code of $*" "$want" "$rc"
}

poke() { # OFFSET BYTE (octal)
	printf "\\$2" | dd of="$SEGMENT" bs=1 seek="$1" conv=notrunc status=none
}

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine
"$BIN/doorbuster" load --scenario drop --server 127.0.0.1:7700 --keys "$KEYS" --seed 4 \
	--requests 30000 --timeout-ms 60000 --orders "$WORK/orders.csv" --json >"$WORK/load.json" ||
	fail "load: $(cat "$WORK/load.json")"
expect_rc 0 "$BIN/doorbuster" journal verify "$DATA"
expect_match "verify beside the engine" 'all is right' "$(cat "$WORK/out")"
stop_engine
hash=$(drained state_hash)

# The order file against the journal.
expect_rc 0 "$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv"
sed '2s/^[0-9]*/281474976710655/' "$WORK/orders.csv" >"$WORK/missing.csv"
expect_rc 1 "$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/missing.csv" --json
expect_eq "orders missing" 1 "$(json .orders_missing "$WORK/out")"
awk -F, -v OFS=, 'NR == 3 { $3 = "12345" } { print }' "$WORK/orders.csv" >"$WORK/different.csv"
expect_rc 1 "$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/different.csv" --json
expect_eq "orders different" 1 "$(json .orders_different "$WORK/out")"
echo 'nonsense' >"$WORK/nonsense.csv"
expect_rc 2 "$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/nonsense.csv"
expect_rc 2 "$BIN/doorbuster" journal verify "$WORK"
expect_rc 2 "$BIN/doorbuster" journal dump "$DATA" --lane 1

# A torn tail: the engine says so, cuts it and has the same state.
used=$("$BIN/doorbuster" journal verify "$DATA" --json | jq -r '.lanes[0].blocks')
# After the last unit that begins with a block's magic, DBLK: a closing block has one unit.
last=$(od -An -v -tx4 -w4096 -N $((16 << 20)) "$SEGMENT" |
	awk '$1 == "4b4c4244" { n = NR } END { print n }')
end=$((last * 4096))
poke "$end" 132
expect_rc 0 "$BIN/doorbuster" journal verify "$DATA" --json
expect_eq "torn tails" 1 "$(json .torn_tails "$WORK/out")"
expect_eq "blocks" "$used" "$(json '.lanes[0].blocks' "$WORK/out")"
start_engine
expect_match "what start-up says" 'lane 0: cut a torn tail' "$(cat "$ENGINE_OUT.err")"
stop_engine
expect_eq "state" "$hash" "$(drained state_hash)"

# A byte of a block that once was durable.
poke 5000 377
expect_rc 1 "$BIN/doorbuster" journal verify "$DATA"
expect_match "verify" 'lane-000/seg-000000000000: offset 4096: LSN 1 should be here' \
	"$(cat "$WORK/out")"
expect_rc 1 "$BIN/doorbuster" journal dump "$DATA" --json
expect_rc 2 "$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS"
expect_match "the engine" 'seg-000000000000: offset 4096' "$(cat "$WORK/out")"
expect_match "what to do" 'from a copy, or see `doorbuster journal repair`' "$(cat "$WORK/out")"

# A segment that is gone while later ones are there.
mv "$SEGMENT" "$WORK/"
expect_rc 1 "$BIN/doorbuster" journal verify "$DATA"
expect_match "verify" 'lane-000: segment 0 is missing' "$(cat "$WORK/out")"
