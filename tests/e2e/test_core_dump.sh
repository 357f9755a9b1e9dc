# time limit: 180 s
# Keys are in no core dump, neither of the engine nor of a tool, whoever makes it and however much
# was signed. Only root can dump a process with keys. Nothing gets new privileges, and of the
# engine's threads only the control thread has any.
. "$(dirname "$0")/lib.sh"

KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
OTHER_KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
BUYER=$((1 + $(od -An -N7 -tu8 /dev/urandom)))

write_keys() { # KEY...
	local id=0 key

	(umask 077; for key; do
		id=$((id + 1))
		echo "$id $key"
	done >"$KEYS")
}

# The bytes are in the memory of a process, and no dump would have them.
expect_kept() { # WHAT PID HEX
	local found

	found=$(tests/e2e/find_in_memory.py "$2" "$3") || fail "$1: $found"
	expect_match "$1, in memory" 'excluded=[1-9][0-9]* dumped=0$' "$found"
}

# A number, as it is in memory and on the wire.
little_endian() {
	printf '%016x' "$1" | fold -w2 | tac | tr -d '\n'
}

# The core that a debugger of root's makes.
expect_not_in_core() { # WHAT PID HEX
	gcore -o "$WORK/core" "$2" >"$WORK/gcore.out" 2>&1 || fail "gcore: $(cat "$WORK/gcore.out")"
	# It contains something that is not secret: the data directory's name, in a variable.
	grep -qaF "$DATA" "$WORK/core.$2" || fail "$1: nothing in core.$2"
	! LC_ALL=C grep -qaP "$(sed 's/../\\x&/g' <<<"$3")" "$WORK/core.$2" ||
		fail "$1: the core has it"
	rm "$WORK/core.$2"
}

# A line of the status of each thread: its name, its value.
threads() { # FIELD
	local dir

	for dir in /proc/"$ENGINE_PID"/task/*; do
		# Kernel threads that io_uring keeps for a while run no code of ours.
		[[ $(cat "$dir/comm") == iou-* ]] ||
			echo "$(cat "$dir/comm") $(sed -n "s/^$1:\t//p" "$dir/status")"
	done
}

"$BIN/doorbuster" load --scenario singles-day --skus 100 --requests 100000 \
	--catalog-out "$CATALOG"
SKU=$(sed -n '2s/,.*//p' "$CATALOG")
write_keys $KEY $OTHER_KEY
start_engine --max-orders 500000 --segment-mib 4
for i in $(seq 1 20); do
	expect_verdict ACCEPTED sku=$SKU,buyer=$BUYER,id=$(id "$i")
done

echo "privileges"
expect_eq "threads that may gain privileges" '' "$(threads NoNewPrivs | grep -v ' 1$' || true)"
for set in CapEff CapPrm CapInh CapAmb; do
	expect_eq "threads with privileges, $set" '' "$(threads $set | grep -v ' 0*$' |
		grep -vE '^(doorbuster-serv|db-segments 0000000000000007$)' || true)"
done
[ "$(threads CapEff | wc -l)" -ge 5 ] || fail "only $(threads CapEff | wc -l) threads seen"
caps=$((16#$(threads CapEff | sed -n 's/^doorbuster-serv //p')))
[ $((caps >> 12 & 1)) = 1 ] || fail "the control thread can't put the machine back"
[ $((caps >> 19 & 1)) = 0 ] || fail "the control thread has CAP_SYS_PTRACE"

echo "the engine's memory"
expect_kept "key" "$ENGINE_PID" "$KEY"
expect_kept "a buyer" "$ENGINE_PID" "$(little_endian $BUYER)"
if command -v gcore >/dev/null; then
	expect_not_in_core "key" "$ENGINE_PID" "$KEY"
else
	echo "no core made: there is no gcore (package gdb)"
fi

echo "a reload wipes the old ring"
write_keys $OTHER_KEY
kill -HUP "$ENGINE_PID"
wait_for "the new keys" grep -q 'keys: 1 loaded' "$ENGINE_OUT.err"
write_keys $KEY $OTHER_KEY
expect_kept "new key" "$ENGINE_PID" "$OTHER_KEY"
kill -HUP "$ENGINE_PID"
wait_for "the old keys" grep -q 'keys: 2 loaded' "$ENGINE_OUT.err"

echo "a tool's memory"
for how in '' --prepared; do
	orders=$(orders_on_disk)
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load --scenario singles-day --skus 100 --server 127.0.0.1:7700 \
		--keys "$KEYS" --rate 2000 --requests 100000 $how >"$WORK/load.out" 2>&1 &
	load=$!
	wait_for "the load's first orders" orders_reached $((orders + 100))
	expect_kept "key of a load $how" "$load" "$KEY"
	kill $load
	wait $load || true
done
stop_engine

echo "as another user"
mkdir -m 700 "$WORK/nobody"
cp "$KEYS" "$CATALOG" "$WORK/nobody"
chown -R 65534 "$WORK/nobody"
# Its own files may be where only their owner has access.
setpriv --reuid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search \
	"$SERVE" --data "$WORK/nobody/data" --catalog "$WORK/nobody/catalog.csv" \
	--keys "$WORK/nobody/keys" --port memif:"$WORK/nobody/socket" \
	>"$WORK/engine.user" 2>"$WORK/engine.user.err" &
ENGINE_OUT=$WORK/engine.user
ENGINE_PID=$!
wait_for "the engine's ready line" grep -q '^ready ' "$ENGINE_OUT"
expect_eq "user of the engine" 65534 "$(awk '/^Uid:/ { print $2 }' "/proc/$ENGINE_PID/status")"
expect_eq "owner of /proc/PID, as it is not dumpable" 0 "$(stat -c %u "/proc/$ENGINE_PID/fd")"
rc=0
setpriv --reuid=65534 --clear-groups cat "/proc/$ENGINE_PID/environ" >/dev/null 2>&1 || rc=$?
expect_eq "exit code of its user looking into it" 1 $rc
expect_kept "key" "$ENGINE_PID" "$KEY"
stop_engine
