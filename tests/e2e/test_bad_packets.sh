# Every bad frame that reaches the engine over lo is counted under its own reason; none is answered.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
start_engine

raw() {
	"$BIN/tests/e2e/send_raw" "$@" "$KEYS" lo 127.0.0.1 127.0.0.1 ::1 ::1
}

# First that frames made this way are answered when nothing is wrong with them, VLAN tags or not.
raw --good >"$WORK/good"
expect_eq "answered of the valid" "$(awk '/^sent/ { print $3 }' "$WORK/good")" \
	"$(awk '/^answered/ { print $2 }' "$WORK/good")"

raw >"$WORK/sent"
expect_eq "answered of the bad and a last good one" 1 \
	"$(awk '/^answered/ { print $2 }' "$WORK/sent")"
stop_engine
expect_eq "replies" "$(($(awk '/^sent/ { print $3 }' "$WORK/good") + 1))" \
	"$(field replies "$(grep '^traffic' "$ENGINE_OUT")")"
expect_eq "reasons and counts" "$(sed -n 's/^sent //p' "$WORK/sent")" \
	"$(sed -n 's/^drops //p' "$ENGINE_OUT")"
