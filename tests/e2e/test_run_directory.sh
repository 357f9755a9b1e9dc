# The EAL's run-time files of an engine and of a load lie in a fresh directory of the user's own,
# whatever another user put where the EAL would have them; as root and as another user. The files
# that killed programs left are removed, and nothing else.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
USER=(setpriv --reuid 4243 --regid 4243 --clear-groups)
EVIL=(setpriv --reuid 4242 --regid 4242 --clear-groups)
# Sockets and rings of one worker need locked memory.
ulimit -l 8192
mount -t tmpfs -o mode=1777 tmpfs /tmp
install -d -o 4243 "$WORK/home"
install -m 600 -o 4243 "$KEYS" "$WORK/home/keys"

# Runs an engine and a load of the user over memif; the engine's files are in $RUNTIME.
sale_of_user() { # DIRECTORY-THE-FILES-ARE-IN
	local rc=0

	rm -rf "$WORK/home/data"
	ENGINE_OUT=$WORK/engine.user
	rm -f "$ENGINE_OUT"
	HOME=$WORK/home "${USER[@]}" "$SERVE" --data "$WORK/home/data" --catalog "$CATALOG" \
		--keys "$WORK/home/keys" --port memif:"$WORK/home/memif" >"$ENGINE_OUT" \
		2>"$ENGINE_OUT.err" &
	export ENGINE_PID=$!
	wait_for "the user's engine" grep -q '^ready ' "$ENGINE_OUT"
	RUNTIME=$(find "$1" -maxdepth 3 -path '*/doorbuster-eal-*/dpdk/doorbuster' -user 4243)
	RUNTIME=${RUNTIME%/dpdk/doorbuster}
	[ -d "$RUNTIME" ] || fail "no files in $1: $(ls -la "$1")"
	expect_eq "mode and owner of $RUNTIME" '700 4243' "$(stat -c '%a %u' "$RUNTIME")"
	"${USER[@]}" "$BIN/doorbuster-load" --scenario drop --keys "$WORK/home/keys" \
		--port memif:"$WORK/home/memif" --server 198.18.0.1:7700 --requests 2000 \
		--seed 3 >"$WORK/load" 2>&1 || fail "load: $(cat "$WORK/load")"
	stop_engine
	[ ! -e "$RUNTIME" ] || fail "left: $(find "$RUNTIME")"
}

echo "another user was first under /tmp"
echo precious >"$WORK/home/precious"
chown 4243 "$WORK/home/precious"
"${EVIL[@]}" bash -c '
	mkdir -p /tmp/dpdk /tmp/evil && chmod 777 /tmp/dpdk /tmp/evil
	ln -s /tmp/evil "/tmp/doorbuster-eal-aaaaaa"
	mkdir /tmp/doorbuster-eal-bbbbbb && chmod 777 /tmp/doorbuster-eal-bbbbbb
	mkdir -m 777 /tmp/evil/dpdk && touch /tmp/evil/dpdk/kept'
before=$(find /tmp | sort)
sale_of_user /tmp
expect_eq "what the other user has under /tmp" "$before" "$(find /tmp | sort)"
# Directories that must not be trusted: another user's, a link, one that others may write in.
for bad in /tmp/evil /tmp/doorbuster-eal-aaaaaa /tmp/dpdk; do
	XDG_RUNTIME_DIR=$bad RUNTIME_DIRECTORY=$bad sale_of_user /tmp
	expect_eq "what the other user has under /tmp" "$before" "$(find /tmp | sort)"
done

echo "the user's own"
install -d -m 700 -o 4243 /run/user-4243 /run/unit-4243
XDG_RUNTIME_DIR=/run/user-4243 sale_of_user /run/user-4243
XDG_RUNTIME_DIR=/run/user-4243 RUNTIME_DIRECTORY=/run/unit-4243 sale_of_user /run/unit-4243

echo "of killed programs: only the owner's directories are removed"
left=/run/user-4243/doorbuster-eal-cccccc
"${USER[@]}" mkdir -p $left/dpdk/doorbuster $left/dpdk/more/and/more
chmod 700 $left
"${USER[@]}" touch $left/dpdk/doorbuster/config
"${USER[@]}" ln -s "$WORK/home" $left/dpdk/doorbuster/link
"${USER[@]}" mkdir -m 700 /run/user-4243/doorbuster-eal-dddddd
"${USER[@]}" touch /run/user-4243/doorbuster-eal-dddddd/mine
install -d -m 700 /run/user-4243/doorbuster-eal-eeeeee
rm -rf /tmp/doorbuster-eal-* /tmp/evil /tmp/dpdk
XDG_RUNTIME_DIR=/run/user-4243 sale_of_user /run/user-4243
[ ! -e $left ] || fail "left: $(find $left)"
[ -e "$WORK/home/precious" ] || fail "a link was followed"
[ -e /run/user-4243/doorbuster-eal-dddddd/mine ] || fail "what the EAL never made is gone"
[ -d /run/user-4243/doorbuster-eal-eeeeee ] || fail "another user's directory is gone"

echo "as root: never where /run/dpdk leads"
install -d -o 4242 -m 777 /run/dpdk
XDG_RUNTIME_DIR=/tmp start_engine --port memif:"$WORK/memif"
"$BIN/doorbuster" load --scenario drop --keys "$KEYS" --port memif:"$WORK/memif" \
	--server 198.18.0.1:7700 --requests 2000 --seed 3 >"$WORK/load" 2>&1 ||
	fail "load: $(cat "$WORK/load")"
[ -n "$(find /run/doorbuster -name 'doorbuster-eal-*')" ] || fail "not in /run/doorbuster"
stop_engine
expect_eq "what is in /run/dpdk" '' "$(ls -A /run/dpdk)"
rmdir /run/dpdk
# A start that may open too few files leaves nothing. With how few the EAL begins and then can't
# clean up itself depends on libraries.
for files in $(seq 4 40); do
	rc=0
	prlimit --nofile="$files:$files" "$SERVE" --data "$DATA" --catalog "$CATALOG" \
		--keys "$KEYS" >/dev/null 2>"$WORK/err" || rc=$?
	expect_eq "exit code with $files files" 2 $rc
	! grep -qE '^EAL: |^PANIC' "$WORK/err" || break
	expect_eq "left with $files files" '' \
		"$(find /tmp /run -path /run/user-4243 -prune -o -name 'doorbuster*' -print)"
done
rm -rf /run/doorbuster
# Where /run/doorbuster belongs to another user, memif works without it.
install -d -o 4242 -m 700 /run/doorbuster
start_engine --port memif:"$WORK/memif"
[ -n "$(find /tmp -name 'doorbuster-eal-*')" ] || fail "not in /tmp either"
stop_engine
rmdir /run/doorbuster
chmod 777 /tmp
install -d -o 4242 -m 700 /run/doorbuster
rc=0
"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" --port memif:"$WORK/memif" \
	>/dev/null 2>"$WORK/err" || rc=$?
expect_eq "exit code without a safe place" 2 $rc
expect_match "what it says" '/run/doorbuster belongs to user 4242' "$(tail -n 1 "$WORK/err")"
rc=0
"${USER[@]}" "$SERVE" --data "$WORK/home/data" --catalog "$CATALOG" --keys "$WORK/home/keys" \
	--port memif:"$WORK/home/memif" >/dev/null 2>"$WORK/err" || rc=$?
expect_eq "exit code of the user without a safe place" 2 $rc
expect_match "what it says" 'no safe place.*/tmp; set XDG_RUNTIME_DIR' "$(tail -n 1 "$WORK/err")"
rmdir /run/doorbuster
umount /tmp
