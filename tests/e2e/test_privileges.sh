# The privileges that AF_XDP needs: with exactly these an engine sells on lo, and each one that is
# missing is named. The start checks what else lo needs before it changes anything.
. "$(dirname "$0")/lib.sh"

NEEDED="net_admin net_raw sys_admin ipc_lock"

# dac_override: the test's own files may lie in another user's directory.
only() { # CAPABILITY...; sets ONLY
	local set="-all,+dac_override" name

	for name; do
		set+=",+$name"
	done
	ONLY=(setpriv --bounding-set="$set" --inh-caps=-all)
}

refused() { # PATTERN COMMAND...
	local pattern=$1 rc=0
	shift

	"$@" >/dev/null 2>"$WORK/refused.err" || rc=$?
	expect_eq "exit code of $*" 2 "$rc"
	expect_match "said by $*" "$pattern" "$(tail -n 1 "$WORK/refused.err")"
	[ ! -e "$DATA" ] || fail "$* made $DATA"
	[ ! -e /run/doorbuster ] || fail "$* made /run/doorbuster"
}

make_keys
make_catalog 1,10,100,0,,,
COMMAND=("$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS")
ulimit -l 64
for missing in $NEEDED; do
	# shellcheck disable=SC2046,SC2086
	only $(printf '%s\n' $NEEDED | grep -vx "$missing")
	refused "needs CAP_${missing^^}; run as root" "${ONLY[@]}" "${COMMAND[@]}"
done

# As in a container.
mount -o bind,ro /proc/sys /proc/sys
refused 'route_localnet.*--port memif' "${COMMAND[@]}"
umount /proc/sys
mount -o bind,ro /run /run
refused '/run/doorbuster: Read-only.*mount a tmpfs at /run' "${COMMAND[@]}"
umount /run

# shellcheck disable=SC2086
only $NEEDED
"${ONLY[@]}" "${COMMAND[@]}" >"$WORK/engine.1" 2>"$WORK/engine.1.err" &
ENGINE_OUT=$WORK/engine.1
export ENGINE_PID=$!
wait_for "the engine's ready line" grep -q '^ready ' "$ENGINE_OUT"
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
stop_engine
