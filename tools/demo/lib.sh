# What `make run` and `make serve` share. Sourced. Starts one engine, and ends it whatever happens.
engine=
relay=
broker=
trap 'stop_hard' EXIT
trap 'exit 130' INT TERM

say() {
	printf '%s\n' "$*"
}

# 1234567 -> 1,234,567
group() {
	sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"
}

lost() { # WHAT FILE
	say "$1:" >&2
	head -c 2000 "$demo/$2" >&2
	tail -n 5 "$demo/engine.err" >&2
	exit 1
}

stop_hard() {
	local pid
	for pid in $relay $broker; do
		kill -TERM "$pid" 2>/dev/null && wait "$pid"
	done
	if [ -n "$engine" ] && kill -TERM "$engine" 2>/dev/null; then
		wait "$engine" || true
	fi
}

# A fresh directory; only one of an earlier demo is removed for it.
prepare_demo() { # DIR
	if [ -e "$1" ] && [ ! -e "$1/engine.out" ] && ! rmdir "$1" 2>/dev/null; then
		say "$1 is no directory of a demo: name another, or remove it" >&2
		exit 1
	fi
	rm -rf "$1"
	mkdir -p "$1"
	"$bin/doorbuster" keygen "$1/keys" >/dev/null
}

# Starts the engine on lo; where that cannot be, says what is missing, and takes memif, which needs
# neither privileges nor AF_XDP. Sets port.
start_demo() { # BIN DIR ENGINE-ARGS...
	port=lo
	try_port "$@" && return
	# The steps of a start in which the port takes part.
	local why='s/^.*doorbuster-serve: \(port check\|DPDK\|port\): //p'
	if ! grep -q . <(sed -n "$why" "$2/engine.err"); then
		say "The engine did not start:" >&2
		grep 'doorbuster-serve: ' "$2/engine.err" >&2 || cat "$2/engine.err" >&2
		exit 1
	fi
	say "Not over the loopback interface:" \
		"$(sed -n "$why" "$2/engine.err")"
	say "So the buyers come over memif, shared memory between two processes."
	port=memif:$(realpath "$2")/memif
	try_port "$@" || lost "The engine did not start on memif either" engine.err
}

# The engine's first line is `ready ...`.
try_port() { # BIN DIR ENGINE-ARGS...
	local waited=0

	# Not the line of the last time, which the shell below removes a moment later.
	: >"$2/engine.out"
	"$1/doorbuster-serve" --data "$2/data" --catalog "$2/catalog.csv" --keys "$2/keys" \
		--port "$port" "${@:3}" >"$2/engine.out" 2>"$2/engine.err" &
	engine=$!
	until grep -q '^ready ' "$2/engine.out"; do
		if ! kill -0 "$engine" 2>/dev/null; then
			engine=
			return 1
		fi
		[ $waited -lt 600 ] || lost "The engine is not ready after a minute" engine.err
		waited=$((waited + 1))
		sleep 0.1
	done
}

# Starts a relay from the engine's journal, into files or a broker of its own. Sets downstream.
start_relay() { # BIN DIR file|nats
	case $3 in
	file) downstream=file:$2/downstream ;;
	nats)
		nats-server -a 127.0.0.1 -p -1 --ports_file_dir "$2" -js -sd "$2/nats" \
			>"$2/nats.log" 2>&1 &
		broker=$!
		until [ -s "$2/nats-server_$broker.ports" ]; do
			kill -0 $broker 2>/dev/null || lost "nats-server did not start" nats.log
			sleep 0.1
		done
		downstream=$(jq -r '.nats[0]' "$2/nats-server_$broker.ports")
		;;
	*)
		say "DOWNSTREAM=$3: there is file and nats" >&2
		exit 1
		;;
	esac
	"$1/doorbuster-relay" --data "$2/data" --to "$downstream" 2>"$2/relay.err" &
	relay=$!
}

# After the drain: downstream gets what it lacks.
end_relay() { # BIN DIR
	kill -TERM $relay 2>/dev/null || true
	wait $relay || lost "the relay ended" relay.err
	relay=
	"$1/doorbuster-relay" --data "$2/data" --to "$downstream" --once 2>>"$2/relay.err" ||
		lost "the relay failed" relay.err
	"$1/doorbuster-consume" --from "$downstream" --format csv >"$2/downstream.csv" \
		2>"$2/consume.err" || lost "downstream does not have it" consume.err
	[ -z "$broker" ] || kill -TERM "$broker"
	[ -z "$broker" ] || wait "$broker" || true
	broker=
}

# Drains; fails if the engine does not end as it should.
stop_demo() {
	local rc=0
	# On Ctrl-C the terminal has sent it the signal, too.
	kill -TERM "$engine" 2>/dev/null || true
	wait "$engine" || rc=$?
	engine=
	[ $rc = 0 ] || lost "the engine ended with $rc" engine.err
}

# A whole sale with a scenario of `doorbuster load` whose buyers hold; what it found is in
# load.json, what the journal says in verify.json. Sets stock, the units put on sale, and rc.
sell_to() { # SCENARIO ENGINE-ARGS...
	local load=(--server 127.0.0.1:7700)

	prepare_demo "$demo"
	"$bin/doorbuster" load --scenario "$1" --requests "$buyers" \
		--catalog-out "$demo/catalog.csv"
	stock=$(awk -F , 'NR > 1 { n += $2 } END { print n }' "$demo/catalog.csv")
	start_demo "$bin" "$demo" "${@:2}"
	say "engine    $(sed -n 's/^ready //p' "$demo/engine.out")"
	[ "$port" = lo ] || load=(--server 198.18.0.1:7700 --port "$port")
	rc=0
	"$bin/doorbuster" load --scenario "$1" "${load[@]}" --keys "$demo/keys" \
		--requests "$buyers" --ack durable --timeout-ms 60000 --json >"$demo/load.json" \
		2>"$demo/load.err" || rc=$?
	[ $rc -le 1 ] && [ -s "$demo/load.json" ] || lost "the load failed" load.err
	cat "$demo/load.err" >&2
	stop_demo
	"$bin/doorbuster" journal verify "$demo/data" --json >"$demo/verify.json" ||
		lost "the journal does not agree" verify.json
	told_by=$1
}

# ---- the table at the end ----

told() { # NAME count|units: what buyers were told
	of ".$told_by.$1.$2" load.json
}

figure() { # WHAT NAME
	printf '  %-42s %10s %11s\n' "$1" "$(group "$(told "$2" count)")" \
		"$(group "$(told "$2" units)")"
}

# What must hold of every sale with holds, by the load and the journal.
lines_of_holds() { # UNITS-SOLD UNITS-WRITTEN-OFF
	line "units held = confirmed + released + ran out" "$(told held units)" \
		$(($(told confirmed units) + $(told released units) + $(told ran_out units)))
	line "units put on sale, in the journal" "$stock" "$(of .units_stocked verify.json)"
	line "  free + held + sold + written off" "$stock" \
		"$(of '.units_free + .units_held + .units + .units_written_off' verify.json)"
	line "  held at the end" 0 "$(of .units_held verify.json)"
	line "  sold, as the engine counts" "$1" "$(drained units)"
	line "  written off" "$2" "$(of .units_written_off verify.json)"
	line "units stranded, as buyers see the stock" 0 \
		"$(of ".$told_by.units_stranded" load.json)"
	line "units sold that there were not" 0 "$(of ".$told_by.units_oversold" load.json)"
	line "buyers without an outcome" 0 "$(of ".$told_by.lost" load.json)"
	line "requests without an answer" 0 "$(of .unanswered load.json)"
	line "answers that contradict what must come" 0 "$(of .contradictions load.json)"
	line "every unit accounted for at every block" true "$(of .conserved verify.json)"
	state_line
	[ "$rc" = 0 ] || good=no
}

rate_line() {
	printf '%s requests in %.1f s: %s a second; ' "$(group "$(of .answered load.json)")" \
		"$(of .seconds load.json)" "$(group "$(of '.requests_per_s | floor' load.json)")"
}

of() { # FILTER FILE
	jq -r "$1" "$demo/$2"
}

drained() { # NAME
	sed -n "s/^drained .*$1=\([^ ]*\).*/\1/p" "$demo/engine.out"
}

good=yes
line() { # WHAT EXPECTED GOT
	local mark=yes
	[ "$2" = "$3" ] || { mark=NO; good=no; }
	printf '  %-52s %12s   %s\n' "$1" "$(group "$3")" "$mark"
}

state_line() {
	local mark=yes
	[ "$(drained state_hash)" = "$(of .state_hash verify.json)" ] || { mark=NO; good=no; }
	printf '  %-52s %12s   %s\n' "state from the journal = state of the engine" \
		"$(of '.state_hash[0:12]' verify.json)" "$mark"
}

end_unless_good() {
	[ $good = no ] || return 0
	say
	say "NOT every promise held; the engine's own words are in $demo/engine.out and engine.err"
	exit 1
}

try() { # COMMAND WHAT
	printf '  %-62s %s\n' "$1" "$2"
}
