# tests/run itself: it never passes if a unit program dies, reports a wrong result or leaves
# something behind.
. "$(dirname "$0")/lib.sh"

UNIT=$WORK/unit

unit_is() { # SCRIPT-LINE...
	printf '%s\n' '#!/bin/bash' 'tap=${1#--tap=}' "$@" >"$UNIT"
	chmod 755 "$UNIT"
}

# Expects the exit code and the last line of a run with this stand-in for the unit program, and
# without e2e tests.
expect_end() { # RC LAST-LINE [ARGS...]
	local want=$1 line=$2 rc=0
	shift 2

	DB_UNIT=$UNIT DB_TEST_DIR=$WORK/run tests/run --mode "$DB_MODE" "$@" \
		>"$WORK/out" 2>&1 || rc=$?
	expect_eq "last line of the run" "$line" "$(tail -n 1 "$WORK/out")"
	expect_eq "exit code of the run" "$want" "$rc"
}

end_left() {
	local pid
	pid=$(cat "$WORK/run/unit.tap.pid")

	kill "$pid"
	while [ -e "/proc/$pid" ]; do sleep 0.01; done
}

none=(--only no_test_has_this_name)
UNIT=/bin/false
expect_end 1 '0 passed, 1 failed' "${none[@]}"
expect_match "why" 'the test program ended with 1' "$(cat "$WORK/out")"

UNIT=$WORK/unit
unit_is 'kill -SEGV $$'
expect_end 1 '0 passed, 1 failed' "${none[@]}"
unit_is 'printf "1..1\nok - suite::name (0.01s)\n" >"$tap"'
expect_end 0 '1 passed, 0 failed' "${none[@]}"
unit_is 'printf "1..1\nnot ok - suite::name (0.01s)\n" >"$tap"; exit 1'
expect_end 1 '0 passed, 1 failed' "${none[@]}"
unit_is 'printf "1..1\nok - suite::name (0.01s)\n" >"$tap"; exit 3'
expect_end 1 '1 passed, 1 failed' "${none[@]}"

# What the unit program leaves behind counts; what other programs do meanwhile does not.
unit_is 'printf "1..1\nok - suite::name (0.01s)\n" >"$tap"' 'sleep 100 & echo $! >"$tap.pid"' \
	'echo 1 >/proc/sys/net/ipv4/conf/lo/accept_local'
expect_end 1 '1 passed, 1 failed' "${none[@]}"
expect_match "what was left" 'process [0-9]+ sleep 100' "$(cat "$WORK/out")"
expect_match "what was left" 'lo.accept_local = 1' "$(cat "$WORK/out")"
end_left
echo 0 >/proc/sys/net/ipv4/conf/lo/accept_local
unit_is 'printf "1..1\nok - suite::name (0.01s)\n" >"$tap"' 'ip link add other0 type dummy' \
	'env -i setsid sleep 100 & echo $! >"$tap.pid"' 'mount -t tmpfs tmpfs /mnt'
expect_end 0 '1 passed, 0 failed' "${none[@]}"
end_left

# A file of the EAL or of ours under /run counts if the program left it, not if another engine did.
unit_is 'printf "1..1\nok - suite::name (0.01s)\n" >"$tap"' 'mkdir /run/doorbuster'
expect_end 1 '1 passed, 1 failed' "${none[@]}"
expect_match "what was left" 'left behind: /run/doorbuster' "$(cat "$WORK/out")"
mkdir -p /run/doorbuster/other
unit_is 'printf "1..1\nok - suite::name (0.01s)\n" >"$tap"' 'sleep 0.2'
(sleep 0.1; mkdir /run/doorbuster/another) &
expect_end 0 '1 passed, 0 failed' "${none[@]}"
wait $!
rm -r /run/doorbuster
