# time limit: 180 s
# An engine that ends by its own signal, after a failed check for instance, first puts the machine
# back, whichever thread raised it. The journal stays, and a restart continues.
. "$(dirname "$0")/lib.sh"

machine() {
	cat /proc/sys/net/ipv4/conf/lo/{route_localnet,accept_local}
	ip -o -d link show | sed 's/qdisc [a-z]*//'
	find /run "$WORK" -name 'socket*' -o -path '/run/*' | sort
}

thread() { # NAME
	grep -lx "$1" /proc/"$ENGINE_PID"/task/*/comm | cut -d/ -f5
}

# The signal to one thread of the engine.
raise() { # SIGNAL THREAD
	python3 -c 'import ctypes, sys
assert ctypes.CDLL(None).syscall(234, *map(int, sys.argv[1:])) == 0' "$ENGINE_PID" "$2" "$1"
}

# The engine must end by the signal, say so, and leave the machine as it was.
ends_by() { # SIGNAL THREAD-NAME
	local rc=0

	raise "$1" "$(thread "$2")"
	wait "$ENGINE_PID" || rc=$?
	ENGINE_PID=
	expect_eq "exit code after signal $1 to $2" $((128 + $1)) $rc
	expect_match "what it said" "ended by signal $1 .*the machine was put back" \
		"$(tail -n 1 "$ENGINE_OUT.err")"
	diff <(echo "$BEFORE") <(machine) || fail "the machine is not as it was"
}

make_keys
make_catalog 1,10,100,0,,,
BEFORE=$(machine)
signals=6
# Under a sanitizer the others are its own.
[ "$DB_MODE" = asan ] || signals='6 11'
for signal in $signals; do
	for name in doorbuster-serv rte-worker-1; do
		start_engine
		# The same order each time.
		expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
		expect_match "its order id" 'order=2 ' "$REPLY_LINE"
		ends_by "$signal" $name
	done
done
start_engine --port memif:"$WORK/socket"
[ -S "$WORK/socket" ] || fail "no memif socket"
ends_by 6 eal-intr-thread
start_engine
expect_verdict ACCEPTED op=lookup,sku=1,id=$(id 1)
stop_engine
verify_agrees
