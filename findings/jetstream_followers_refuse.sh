#!/bin/bash
# nats-server 2.9.10 acknowledges a message that only the stream's leader has. Each node of a stream
# with replicas checks Nats-Expected-Last-Msg-Id against the ids that it remembers; one that was
# restarted remembers those of the window of de-duplication only (two minutes; here 0.5 s). So after
# a quiet window and a restart of the followers, a message that names the id before it is stored and
# acknowledged by the leader, and refused by the followers, in silence: the leader calls them
# current, with no lag. When the leader goes, the acknowledged message is gone.
#
# Takes Debian 12's package into a temporary folder and runs three nodes on loopback, ports 14331 to
# 14333 and 15331 to 15333. Publishes two harmless messages; 20 s. Seen: "2.9.10: message 2 was
# acknowledged, followers current true; without the leader the stream ends with message 1". With
# the argument `sequence` messages expect the stream's last sequence instead: nothing is lost.
# Exit code 0: as said; 1: this server does otherwise; 2: could not try.
set -euo pipefail

VERSION=2.9.10-1+b3
mode=${1:-id}
dir=$(mktemp -d)
pids=()
# shellcheck disable=SC2154 # pids is set
trap 'for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	sleep 0.2; rm -rf "$dir"' EXIT
cd "$dir"
command -v jq >/dev/null || { echo "needs jq"; exit 2; }
timeout 40 apt-get download "nats-server=$VERSION" >apt.log 2>&1 || { tail -n 5 apt.log; exit 2; }
dpkg -x nats-server_*.deb root

start() { # NODE
	cat >"node$1.conf" <<-END
		listen: 127.0.0.1:1433$1
		server_name: n$1
		jetstream { store_dir: "$dir/n$1", max_file: 64M, max_mem: 16M }
		cluster { name: c, listen: 127.0.0.1:1533$1
			routes: [ nats://127.0.0.1:15331, nats://127.0.0.1:15332,
				nats://127.0.0.1:15333 ] }
	END
	root/usr/sbin/nats-server -c "node$1.conf" >>"node$1.log" 2>&1 &
	pids[$1]=$!
	disown
}

# Sends HEADERS and PAYLOAD to a subject, prints the answer's payload.
ask() { # NODE SUBJECT PAYLOAD [HEADER...]
	local line bytes headers='NATS/1.0' answer=
	for line in "${@:4}"; do
		headers+=$'\r\n'$line
	done
	headers+=$'\r\n\r\n'
	{ exec 9<>"/dev/tcp/127.0.0.1/1433$1"; } 2>/dev/null || return 1
	printf '%s\r\n' 'CONNECT {"verbose":false,"headers":true,"no_responders":true}' \
		'SUB in 1' "HPUB $2 in ${#headers} $((${#headers} + ${#3}))" "$headers$3" PING >&9
	while read -r -t 5 line <&9; do
		case $line in
		MSG\ in*)
			bytes=${line%$'\r'}
			IFS= read -r -t 5 -N "${bytes##* }" answer <&9
			break
			;;
		HMSG\ in*) break ;; # nobody answers
		esac
	done
	exec 9>&-
	printf '%s' "$answer"
}

info() { # NODE FILTER
	ask "$1" '$JS.API.STREAM.INFO.s' '' | jq -r "$2" 2>/dev/null
}

wait_until() { # COMMAND...
	for ((i = 0; i < 600; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "waited too long: $*"
	exit 2
}

ended() { # PID
	! kill -0 "$1" 2>/dev/null
}

ready() {
	local node
	for node in 1 2 3; do
		[ "$(ask $node '$JS.API.INFO' '' | jq .error.code 2>/dev/null)" = null ] || return 1
	done
}

made() {
	ask 1 '$JS.API.STREAM.CREATE.s' '{"name":"s","subjects":["a"],"retention":"limits",
		"storage":"file","num_replicas":3,"duplicate_window":500000000}' |
		jq -e '.config' >/dev/null 2>&1
}

led() {
	leader=$(info "$1" .cluster.leader)
	leader=${leader#n}
	[[ $leader = [123] && $leader != "$2" ]]
}

current() {
	[ "$(info "$leader" '[.cluster.replicas[] | .current and (.lag // 0) == 0] |
		all and length == 2')" = true ]
}

put() { # N
	local expect=()
	[ "$1" = 1 ] || expect=("Nats-Expected-Last-Msg-Id: $(($1 - 1))")
	[ "$mode" = id ] || expect=("Nats-Expected-Last-Sequence: $(($1 - 1))")
	ask "$leader" a "message $1" "Nats-Msg-Id: $1" "${expect[@]}"
}

for node in 1 2 3; do start $node; done
wait_until ready
wait_until made
wait_until led 1 none
put 1 >answer.1
wait_until current
sleep 0.6
for node in 1 2 3; do
	[ $node != "$leader" ] || continue
	kill -TERM "${pids[$node]}"
	wait_until ended "${pids[$node]}"
	start $node
	wait_until current
done
put 2 >answer.2
sleep 1
seq=$(jq .seq answer.2)
called=$(current && echo true || echo false)
kill -9 "${pids[$leader]}"
gone=$leader
wait_until led $((leader % 3 + 1)) "$gone"
last=$(info "$leader" .state.last_seq)
echo "$(root/usr/sbin/nats-server --version | sed 's/.*v//'): message $seq was acknowledged," \
	"followers current $called; without the leader the stream ends with message $last"
[ "$mode" != id ] || { [ "$seq" = 2 ] && [ "$called" = true ] && [ "$last" = 1 ]; }
