# A port that the kernel does not see gets every bad frame there is: each is counted under its own
# reason, none is answered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/bridge.sh"

make_keys
make_catalog 1,10,100,0,,,
# The kernel itself would speak IPv6 on the tap; ARP it must, and that is no drop.
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
start_engine --port memif:"$WORK/memif"
start_bridge "$WORK/memif"

raw() {
	"$BIN/tests/e2e/send_raw" "$@" "$KEYS" tap0 198.18.0.2 198.18.0.1 2001:2::2 2001:2::1
}
count() { # NAME FILE
	awk -v name="$1" '$1 == name { print $NF }' "$2"
}

raw --good >"$WORK/good"
expect_eq "answered of the valid" "$(count sent "$WORK/good")" "$(count answered "$WORK/good")"
raw >"$WORK/sent"
expect_eq "answered of the bad and a last good one" 1 "$(count answered "$WORK/sent")"
stop_engine
stop_bridge
expect_eq "reasons and counts" "$(sed -n 's/^sent //p' "$WORK/sent")" \
	"$(sed -n 's/^drops //p' "$ENGINE_OUT")"
