# A test's own NATS servers, on loopback inside its namespace. Sourced after lib.sh.
NATS_STORE=$WORK/nats

[ -x /usr/sbin/nats-server ] || skip "no nats-server"

# One server without a cluster; NATS_PID.
start_nats() { # [PORT [CONFIG-LINE...]]
	local port=${1:-4222}
	{
		printf 'listen: 127.0.0.1:%s\nserver_name: n%s\n' "$port" "$port"
		printf 'jetstream { store_dir: "%s", max_file: 8G, max_mem: 64M }\n' \
			"$NATS_STORE/$port"
		[ $# -lt 2 ] || printf '%s\n' "${@:2}"
	} >"$WORK/nats.$port.conf"
	nats-server -c "$WORK/nats.$port.conf" >>"$WORK/nats.$port.log" 2>&1 &
	NATS_PID=$!
	show_at_failure "$WORK/nats.$port.log"
	wait_for "nats-server" nats_ready_or_ended "$port"
	kill -0 $NATS_PID 2>/dev/null || fail "nats-server ended"
}

nats_ready_or_ended() { # PORT
	! kill -0 $NATS_PID 2>/dev/null || nats_ready "$1"
}

nats_ready() { # PORT
	[ -n "$(nats_ask "$1" '$JS.API.INFO' '')" ]
}

# Asks over the text protocol: prints the answer's payload.
nats_ask() { # PORT SUBJECT PAYLOAD
	local line bytes answer=
	exec 9<>"/dev/tcp/127.0.0.1/$1" || return 1
	printf '%s\r\n' 'CONNECT {"verbose":false,"headers":true}' 'SUB in 1' \
		"PUB $2 in ${#3}" "$3" PING >&9
	while read -r -t 5 line <&9; do
		case $line in
		MSG\ in*)
			bytes=${line%$'\r'}
			bytes=${bytes##* }
			IFS= read -r -t 5 -N "$bytes" answer <&9
			break
			;;
		esac
	done
	exec 9>&-
	printf '%s' "$answer"
}

# Publishes a message that is not a relay's.
nats_publish() { # PORT SUBJECT PAYLOAD
	nats_ask "$1" "$2" "$3" >/dev/null
}

stream_info() { # PORT STREAM FILTER
	nats_ask "$1" "\$JS.API.STREAM.INFO.$2" '' | jq -r "$3"
}
