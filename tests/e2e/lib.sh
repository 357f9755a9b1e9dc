# The functions of the end-to-end tests. Sourced; runs inside the namespaces that inside.sh sets up.
# A test works in $DB_WORK, on a disk, and ends at the first thing that is not as expected.
set -euo pipefail

BIN=$DB_BUILD
WORK=$DB_WORK
DATA=$WORK/data
KEYS=$WORK/keys
CATALOG=$WORK/catalog.csv
SERVE=$BIN/doorbuster-serve
ENGINE_PID=
ENGINE_OUT=
ENGINE_CNT=0
declare -A SERVER_LOGS=()
# ASan and debug builds start and drain slowly.
START_LIMIT_S=30
. tests/support/patience.sh

trap 'on_exit $?' EXIT

on_exit() {
	local rc=$1

	# shellcheck disable=SC2046
	kill -9 $(jobs -p) 2>/dev/null || true
	wait 2>/dev/null || true
	[ "$rc" != 0 ] && [ "$rc" != 77 ] || return 0
	if [ -n "$ENGINE_OUT" ]; then
		echo "last engine said:"
		tail -n 30 "$ENGINE_OUT" "$ENGINE_OUT.err"
	fi
	[ ${#SERVER_LOGS[@]} = 0 ] || tail -n 10 "${!SERVER_LOGS[@]}" 2>/dev/null
}

# The log of another server: its last lines are printed if the test fails.
show_at_failure() { # FILE
	SERVER_LOGS[$1]=1
}

fail() {
	local frame=0

	echo "FAILED: $*"
	while caller $frame | sed 's/^/  at line /'; do
		frame=$((frame + 1))
		caller $frame >/dev/null || break
	done
	exit 1
}

skip() {
	echo "skipped: $*"
	exit 77
}

expect_eq() { # WHAT EXPECTED GOT
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

expect_match() { # WHAT PATTERN (extended regular expression) GOT
	[[ $3 =~ $2 ]] || fail "$1: expected a match of '$2', got '$3'"
}

# The value of a field like left=99 in a line of words.
field() { # NAME LINE
	[[ " $2 " =~ [[:space:]]$1=([^[:space:]]*) ]] || fail "no $1= in '$2'"
	echo "${BASH_REMATCH[1]}"
}

json() { # FILTER FILE
	jq -er "$1" "$2" || fail "no $1 in $(head -c 400 "$2")"
}

# A request id of 32 hex digits from a number.
id() {
	printf '%032x' "$1"
}

make_keys() { # [KEY_ID...]
	(umask 077; for key in "${@:-1}"; do
		printf '%u %032x\n' "$key" $((key * 7919 + 1)); done >"$KEYS")
}

CATALOG_HEADER=sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds

make_catalog() { # LINE...
	printf '%s\n' "$CATALOG_HEADER" "$@" >"$CATALOG"
}

# Of tests that say nothing else. A lane has three segments from the start: the first start writes
# all of them, and each start and each look at the journal reads them.
SEGMENT_MIB=8

# Starts an engine and waits until it sells.
start_engine() { # ARGS...
	ENGINE_CNT=$((ENGINE_CNT + 1))
	ENGINE_OUT=$WORK/engine.$ENGINE_CNT
	"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" --segment-mib "$SEGMENT_MIB" \
		"$@" >"$ENGINE_OUT" 2>"$ENGINE_OUT.err" &
	ENGINE_PID=$!
	wait_for "the engine's ready line" grep -q '^ready ' "$ENGINE_OUT"
}

# Runs a command until it succeeds. The seconds of its limit are those of patience.sh, and only
# the sleeps count, not what the command takes.
wait_for() { # WHAT COMMAND...
	local what=$1
	shift

	wait_while "$what" true "$@"
}

# The same, but the limit counts from the last change of what PROGRESS prints.
wait_while() { # WHAT PROGRESS COMMAND...
	local what=$1 progress=$2 waited_ms=0 now last=
	shift 2

	until "$@" >/dev/null 2>&1; do
		now=$($progress)
		[ "$now" = "$last" ] || waited_ms=0
		last=$now
		[ $waited_ms -lt $((START_LIMIT_S * 1000)) ] ||
			fail "waited ${START_LIMIT_S} s for $what"
		[ -z "$ENGINE_PID" ] || kill -0 "$ENGINE_PID" 2>/dev/null ||
			fail "the engine ended while we waited for $what"
		sleep 0.05
		waited_ms=$((waited_ms + $(patience_ms 50)))
	done
}

# What the engine has written so far, to any file.
engine_writes() {
	grep -s '^write_bytes' "/proc/$ENGINE_PID/io"
}

ready_line() {
	grep '^ready ' "$ENGINE_OUT"
}

# SIGTERM; the engine must drain and end with 0.
stop_engine() {
	local rc=0

	kill -TERM "$ENGINE_PID"
	wait "$ENGINE_PID" || rc=$?
	ENGINE_PID=
	expect_eq "exit code of the engine" 0 "$rc"
	expect_match "last line of the engine" '^drained ' "$(tail -n 1 "$ENGINE_OUT")"
	! grep -E '^lane .*conserved=NO' "$ENGINE_OUT" || fail "a lane lost or made units"
}

# Kills processes, and waits until they are gone: on a busy machine that may take a second, in which
# they still have their ports, locks and files.
end9() { # PID...
	kill -9 "$@"
	wait "$@" 2>/dev/null || true
}

kill9() {
	end9 "$ENGINE_PID"
	ENGINE_PID=
}

# Orders on disk by now, also beside a running engine.
orders_on_disk() {
	"$BIN/doorbuster" journal verify "$DATA" --json | jq .orders
}

orders_reached() { # COUNT
	[ "$(orders_on_disk)" -ge "$1" ]
}

# Kills the engine N times while it sells all of a load of REQUESTS, and starts it again. Counts
# decide, not the clock: a kill counts if the journal lacked some of the load's orders then; if the
# load was over too soon there is another one. Leaves the buyers' receipts of the loads in
# $WORK/orders.1 and so on; ORDERS and LOADS count them. There are at most 2 N loads.
kill9_in_loads() { # N REQUESTS LOAD-ARGS...
	local wanted=$1 requests=$2 kills=0 load got step=$(($2 / 20))
	shift 2

	ORDERS=0 LOADS=0
	while [ $kills -lt "$wanted" ]; do
		LOADS=$((LOADS + 1))
		[ $LOADS -le $((2 * wanted)) ] ||
			fail "only $kills kills came in the middle of $((2 * wanted)) loads"
		"$BIN/doorbuster" load "$@" --requests "$requests" --seed $LOADS \
			--orders "$WORK/orders.$LOADS" --json >"$WORK/load.json" \
			2>"$WORK/load.err" &
		load=$!
		got=$ORDERS
		while [ $kills -lt "$wanted" ] && [ $((got + step)) -lt $((ORDERS + requests)) ]; do
			wait_for "$step more orders" orders_reached $((got + step))
			! orders_reached $((ORDERS + requests)) || break
			kill9
			got=$(orders_on_disk)
			[ "$got" -ge $((ORDERS + requests)) ] || kills=$((kills + 1))
			start_engine
			echo "load $LOADS: killed with $got orders on disk, $kills kills counted"
			expect_eq "records that start-up found" \
				$((got + $(wc -l <"$CATALOG") - 1)) \
				"$(sed -n 's/^recovered: \([0-9]*\) .*/\1/p' "$ENGINE_OUT.err")"
		done
		wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
		ORDERS=$((ORDERS + requests))
		expect_eq "orders that buyers were told" "$requests" \
			"$(($(wc -l <"$WORK/orders.$LOADS") - 1))"
		expect_eq "orders on disk" $ORDERS "$(orders_on_disk)"
	done
}

# orders, units and state_hash of the last drain.
drained() { # NAME
	field "$1" "$(tail -n 1 "$ENGINE_OUT")"
}

# The count of a `drops NAME n` or `verdicts NAME n` line of the last drain.
counted() { # drops|verdicts NAME
	awk -v kind="$1" -v name="$2" '$1 == kind && $2 == name { n = $3 } END { print n + 0 }' \
		"$ENGINE_OUT"
}

# Fills a disk to its last block. For a file that it has yet to write, ext4 sets aside more than the
# file then takes, so that a file that found the disk full may leave some blocks free.
fill_disk() { # DIR
	local block_bytes=65536 turns=0

	until [ "$(stat -f -c %a "$1")" = 0 ]; do
		[ $((turns += 1)) -le 20 ] ||
			fail "$1 does not get full: $(stat -f "$1"; cat "$WORK/dd.err")"
		! dd if=/dev/zero of="$1/filler" bs=$block_bytes oflag=append conv=notrunc \
			2>"$WORK/dd.err" || fail "$1 is a disk without end"
		sync -f "$1"
		block_bytes=$(stat -f -c %S "$1")
	done
}

METRICS=127.0.0.1:9464

# GET from the engine's --metrics $METRICS: the body in $WORK/answer, the status in HTTP_STATUS.
get() { # PATH
	exec 7<>"/dev/tcp/${METRICS/://}" || fail "nobody answers at $METRICS"
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&7
	cat <&7 >"$WORK/answer.http"
	exec 7>&-
	export HTTP_STATUS
	HTTP_STATUS=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\) .*/\1/p' "$WORK/answer.http")
	sed '1,/^\r$/d' "$WORK/answer.http" >"$WORK/answer"
}

# A series of the last GET /metrics, like doorbuster_lane_error{lane="0"}.
metric() { # SERIES
	awk -v series="$1" '
		index($0, series " ") == 1 { print substr($0, length(series) + 2); found = 1 }
		END { exit !found }' "$WORK/answer" || fail "no $1 in the metrics"
}

# For wait_for: a series as it is now.
metric_is() { # SERIES VALUE
	get /metrics
	[ "$(metric "$1")" = "$2" ]
}

ask() {
	"$BIN/tests/e2e/ask" --keys "$KEYS" "$@"
}

# One request; its verdict must be the one given. The reply's line stays in $REPLY_LINE.
expect_verdict() { # VERDICT ASK-ARGS...
	local verdict=$1 rc=0
	shift

	REPLY_LINE=$(ask "$@") || rc=$?
	expect_eq "exit code of ask $*" 0 "$rc"
	expect_eq "verdict of $*" "$verdict" "${REPLY_LINE%% *}"
}

expect_no_answer() { # ASK-ARGS...
	local rc=0

	ask --timeout-ms 300 "$@" || rc=$?
	expect_eq "exit code of ask $*, which nobody may answer" 3 "$rc"
}

verify() { # > $WORK/verify.json
	"$BIN/doorbuster" journal verify "$DATA" --json >"$WORK/verify.json" ||
		fail "journal verify: $(cat "$WORK/verify.json")"
	expect_eq "conserved" true "$(json .conserved "$WORK/verify.json")"
}

# The journal must say what the engine said when it drained.
verify_agrees() {
	verify
	for name in orders units state_hash; do
		expect_eq "$name of the journal" "$(drained $name)" \
			"$(json ".$name" "$WORK/verify.json")"
	done
}

# Every order of the journal once, a line each: request_id buyer sku quantity order_id.
journal_orders() {
	"$BIN/doorbuster" journal dump "$DATA" --json |
		jq -r 'select(.kind == "order") |
			"\(.request_id) \(.buyer) \(.sku) \(.quantity) \(.order_id)"'
}
