# What `make run` does, on this build: exit code 0, every promise held; over memif where the machine
# does not let an engine on lo. And `make run SCENARIO=holds`.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

run() { # DIR
	tools/demo/run.sh "$BIN" "$1" >"$WORK/out" 2>"$WORK/err" ||
		fail "make run: $(cat "$WORK/out" "$WORK/err")"
	expect_eq "promises that held" 12 "$(grep -c '^  .*[0-9a-z]   yes$' "$WORK/out")"
	expect_eq "promises that did not" 0 "$(grep -c '   NO$' "$WORK/out")"
	expect_match "units sold" 'units sold, as the engine counts +15,000   yes' \
		"$(cat "$WORK/out")"
	expect_match "downstream" 'orders downstream, each once .[a-z]+. +15,000   yes' \
		"$(cat "$WORK/out")"
	expect_match "what is told last" '^Try next:.*make serve .*journal dump .*make test ' \
		"$(tail -n 6 "$WORK/out" | tr '\n' ' ')"
	[ -s "$1/orders.csv" ] || fail "no receipts in $1"
}

run "$WORK/demo"
expect_match "engine" '^port=lo ' "$(sed -n 's/^engine    //p' "$WORK/out")"

# The directory of the last time is taken again, one of somebody else is not.
mount -o bind,ro /proc/sys /proc/sys
run "$WORK/demo"
expect_match "engine" '^port=memif:' "$(sed -n 's/^engine    //p' "$WORK/out")"
expect_match "why" '^Not over the loopback interface: .*Read-only' "$(sed -n 2p "$WORK/out")"
umount /proc/sys
DOWNSTREAM=nats run "$WORK/demo"
expect_match "downstream" 'orders downstream, each once .nats. +15,000   yes' "$(cat "$WORK/out")"

# The other sales: holds that run out, late payments, returns; baskets over two shards.
other() { # SCENARIO BUYERS PROMISES FIGURES...
	SCENARIO=$1 BUYERS=$2 tools/demo/run.sh "$BIN" "$WORK/demo" >"$WORK/out" 2>"$WORK/err" ||
		fail "make run SCENARIO=$1: $(cat "$WORK/out" "$WORK/err")"
	expect_eq "promises that held" "$3" "$(grep -c '^  .*[0-9a-z]   yes$' "$WORK/out")"
	expect_eq "promises that did not" 0 "$(grep -c '   NO$' "$WORK/out")"
	for what in "${@:4}"; do
		grep -q "^  $what .* [1-9][0-9,]* " "$WORK/out" ||
			fail "nothing $what: $(cat "$WORK/out")"
	done
}
other holds 2000 13 "  confirmed in time" "  ran out" "    paid late, refund" "extended" \
	"returned, for"
other baskets 500 15 "bought" "held" "  confirmed in time" "  released" "  ran out"
! SCENARIO=other tools/demo/run.sh "$BIN" "$WORK/demo" >"$WORK/out" 2>&1 || fail "any scenario"
expect_match "which there are" 'SCENARIO=other: there is drop, holds and baskets' \
	"$(cat "$WORK/out")"

mkdir "$WORK/mine"
echo text >"$WORK/mine/file"
! tools/demo/run.sh "$BIN" "$WORK/mine" >"$WORK/out" 2>&1 || fail "took a directory of mine"
[ -s "$WORK/mine/file" ] || fail "removed a file of mine"
