# What `make run` and `make serve` share. Sourced. Starts one engine, and ends it whatever happens.
engine=
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
start_demo() { # BIN DIR
	port=lo
	try_port "$1" "$2" && return
	# The steps of a start in which the port takes part.
	local why='s/^doorbuster-serve: \(port check\|DPDK\|port\): //p'
	if ! grep -q . <(sed -n "$why" "$2/engine.err"); then
		say "The engine did not start:" >&2
		grep '^doorbuster-serve: ' "$2/engine.err" >&2 || cat "$2/engine.err" >&2
		exit 1
	fi
	say "Not over the loopback interface:" \
		"$(sed -n "$why" "$2/engine.err")"
	say "So the buyers come over memif, shared memory between two processes."
	port=memif:$(realpath "$2")/memif
	try_port "$1" "$2" || lost "The engine did not start on memif either" engine.err
}

# The engine's first line is `ready ...`.
try_port() { # BIN DIR
	local waited=0

	"$1/doorbuster-serve" --data "$2/data" --catalog "$2/catalog.csv" --keys "$2/keys" \
		--port "$port" >"$2/engine.out" 2>"$2/engine.err" &
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

# Drains; fails if the engine does not end as it should.
stop_demo() {
	local rc=0
	# On Ctrl-C the terminal has told it too.
	kill -TERM "$engine" 2>/dev/null || true
	wait "$engine" || rc=$?
	engine=
	[ $rc = 0 ] || lost "the engine ended with $rc" engine.err
}
