# Other users of the machine can neither keep an engine from starting nor get what is not theirs: by
# names that they take first, directories that they make first, the capture's socket.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
# Runs a command as another user, one without an account.
OTHER=(setpriv --reuid 4242 --regid 4242 --clear-groups)

# A start that must be refused, with a reason that matches.
refused() { # PATTERN SERVE-ARGS...
	local pattern=$1 rc=0
	shift

	timeout 300 "$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" "$@" \
		>/dev/null 2>"$WORK/refused.err" || rc=$?
	expect_eq "exit code of serve $*" 2 "$rc"
	expect_match "last line of serve $*" "$pattern" "$(tail -n 1 "$WORK/refused.err")"
}

echo "abstract sockets, which any user may bind"
start_engine
stop_engine
# What an engine once did to lock lo, and to listen for a capture.
id=$(sed -n 's/^id //p' "$DATA/journal")
"${OTHER[@]}" /usr/bin/python3 -c '
import socket, sys, time
kept = []
for name in sys.argv[1:]:
	for kind in socket.SOCK_DGRAM, socket.SOCK_SEQPACKET:
		kept.append(socket.socket(socket.AF_UNIX, kind))
		kept[-1].bind("\0" + name)
print("bound", flush=True)
time.sleep(1000)' doorbuster/port/lo "doorbuster-capture-$id" >"$WORK/bound" &
squatter=$!
wait_for "the other user's sockets" grep -q bound "$WORK/bound"
start_engine
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
"$BIN/doorbuster" capture --data "$DATA" --write "$WORK/captured.pcap" --seconds 1 ||
	fail "no capture beside the other user's sockets"
expect_eq "abstract sockets of ours" '' \
	"$(awk '$8 ~ /^@doorbuster/ { print $8 }' /proc/net/unix | grep -vxF \
		-e @doorbuster/port/lo -e "@doorbuster-capture-$id" || true)"

echo "the capture's socket is the engine's user's, and root's"
chmod 711 "$DATA"
expect_eq "mode of the socket" 600 "$(stat -c %a "$DATA/capture")"
"${OTHER[@]}" /usr/bin/python3 -c '
import socket, sys
try:
	socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1])
except PermissionError:
	sys.exit(0)
sys.exit(1)' "$DATA/capture" || fail "another user may connect to the capture's socket"
# Even if the socket's mode allowed it: the engine asks the kernel who connects.
chmod 777 "$DATA/capture"
rc=0
"${OTHER[@]}" "$BIN/doorbuster-capture" --data "$DATA" --write /dev/null 2>"$WORK/err" || rc=$?
expect_eq "exit code of another user's capture" 2 $rc
chmod 755 "$DATA"
chmod 644 "$DATA/journal"
"${OTHER[@]}" "$BIN/doorbuster-capture" --data "$DATA" --write /dev/null 2>"$WORK/err" || rc=$?
expect_eq "exit code of another user's capture" 2 $rc
expect_match "what it is told" "only root, the engine's own user and the owner" "$(cat "$WORK/err")"
stop_engine
[ ! -e "$DATA/capture" ] || fail "the capture's socket was left"
kill $squatter
wait $squatter 2>/dev/null || true

echo "an engine of root in another user's directory: that user may capture"
chown -R 4242:4242 "$DATA"
install -d -o 4242 -g 4242 "$WORK/others"
start_engine
expect_eq "owner and mode of the socket" '4242 600' "$(stat -c '%u %a' "$DATA/capture")"
"${OTHER[@]}" "$BIN/doorbuster-capture" --data "$DATA" --write "$WORK/others/captured.pcap" \
	--seconds 1 2>"$WORK/err" || fail "no capture by the directory's owner: $(cat "$WORK/err")"
stop_engine
[ ! -e "$DATA/capture" ] || fail "the capture's socket was left"
chown -R 0:0 "$DATA"

echo "what a user puts in the place of the engine is not believed"
chmod 777 "$DATA"
"${OTHER[@]}" /usr/bin/python3 -c '
import os, socket, sys, time
one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
one.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
one.listen(5)
print("listens", flush=True)
time.sleep(1000)' "$DATA/capture" >"$WORK/listens" &
impostor=$!
wait_for "the impostor" grep -q listens "$WORK/listens"
rc=0
"$BIN/doorbuster" capture --data "$DATA" --write "$WORK/none.pcap" 2>"$WORK/err" || rc=$?
expect_eq "exit code of a capture of an impostor" 2 $rc
expect_match "what it says" 'user 4242 listens there.*no engine to be trusted' "$(cat "$WORK/err")"
kill $impostor
wait $impostor 2>/dev/null || true
chmod 700 "$DATA"

echo "no capture, and the engine sells"
rm "$DATA/capture"
mkdir -p "$DATA/capture/in-the-way"
start_engine
expect_match "what it says" "capture: $DATA/capture is there and not a socket of ours" \
	"$(cat "$ENGINE_OUT.err")"
rc=0
"$BIN/doorbuster" capture --data "$DATA" --write "$WORK/none.pcap" 2>"$WORK/err" || rc=$?
expect_eq "exit code of a capture" 2 $rc
expect_verdict ACCEPTED sku=1,buyer=2,id=$(id 2)
stop_engine
[ -d "$DATA/capture/in-the-way" ] || fail "what was in the way is gone"
rm -r "$DATA/capture"

echo "a socket and locks of a killed engine, a data directory with a long path"
DATA=$WORK/$(printf 'd%.0s' {1..150})
start_engine
kill9
[ -S "$DATA/capture" ] || fail "no socket was left, so nothing is tried"
[ -n "$(find /run/doorbuster -name 'xdp-*.lock')" ] || fail "no lock was left"
start_engine
"$BIN/doorbuster" capture --data "$DATA" --write "$WORK/captured.pcap" --force --seconds 1 ||
	fail "no capture with a long path"
stop_engine
[ ! -e /run/doorbuster ] || fail "left: $(find /run/doorbuster)"

echo "/run/doorbuster of another user, as a link, and writable by others"
DATA=$WORK/data
install -d -m 755 -o 4242 /run/doorbuster
refused '/run/doorbuster belongs to user 4242.*remove it'
rmdir /run/doorbuster
mkdir "$WORK/elsewhere"
ln -s "$WORK/elsewhere" /run/doorbuster
refused '/run/doorbuster is a link.*remove it'
[ -z "$(ls -A "$WORK/elsewhere")" ] || fail "the link was followed"
rm /run/doorbuster
install -d -m 777 /run/doorbuster
refused '/run/doorbuster: other users may write in it.*remove it'
rmdir /run/doorbuster
# The directory as an older doorbuster made it.
install -d -m 755 /run/doorbuster
start_engine
expect_eq "mode of /run/doorbuster" 700 "$(stat -c %a /run/doorbuster)"
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
stop_engine
