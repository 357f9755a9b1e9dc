# What `make serve` prints can be typed, over lo and over memif; it drains when it is told to stop,
# and goes on with its sale.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

DEMO="$WORK/a demo"
SERVE_PID=

serve() {
	# Not the hints of the last time, which the shell below removes a moment later.
	: >"$WORK/out"
	tools/demo/serve.sh "$BIN" "$DEMO" >"$WORK/out" 2>&1 &
	SERVE_PID=$!
	wait_for "the hints" grep -q '^Ctrl-C drains' "$WORK/out"
}

# Types what is printed in the indented lines.
type_hints() { # COUNT
	sed -n '/^In another/,/^Ctrl-C/{/^  /p}' "$WORK/out" >"$WORK/hints"
	expect_eq "commands hinted at" "$1" "$(grep -c '^  [^ ]' "$WORK/hints")"
	bash -e "$WORK/hints" >"$WORK/typed" 2>&1 ||
		fail "typed $(cat "$WORK/hints"), got: $(cat "$WORK/typed")"
}

stop() {
	local rc=0

	kill -TERM $SERVE_PID
	wait $SERVE_PID || rc=$?
	expect_eq "exit code of make serve" 0 $rc
	expect_match "last line" "^drained orders=$1 " "$(tail -n 1 "$WORK/out")"
}

serve
type_hints 5
stop 15002

# Over memif a load is all that can be typed; the sale of the last time is over.
mount -o bind,ro /proc/sys /proc/sys
serve
type_hints 2
expect_match "verdicts of the load" 'sold out +105000' "$(cat "$WORK/typed")"
stop 15002
umount /proc/sys
