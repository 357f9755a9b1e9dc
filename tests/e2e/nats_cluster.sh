# Three nats-servers that are one cluster, on loopback. Sourced after nats.sh.
NODES=(1 2 3)
declare -A NODE_PID
# shellcheck disable=SC2034 # the tests'
CLUSTER_URL=nats://127.0.0.1:4231,nats://127.0.0.1:4232,nats://127.0.0.1:4233

start_node() { # NODE
	cat >"$WORK/node$1.conf" <<-END
		listen: 127.0.0.1:423$1
		server_name: n$1
		jetstream { store_dir: "$NATS_STORE/n$1", max_file: 8G, max_mem: 64M }
		cluster {
			name: c
			listen: 127.0.0.1:523$1
			routes: [ nats://127.0.0.1:5231, nats://127.0.0.1:5232,
				nats://127.0.0.1:5233 ]
		}
	END
	nats-server -c "$WORK/node$1.conf" >>"$WORK/node$1.log" 2>&1 &
	NODE_PID[$1]=$!
	show_at_failure "$WORK/node$1.log"
}

kill_node() { # NODE
	end9 "${NODE_PID[$1]}"
}

start_cluster() {
	local node
	for node in "${NODES[@]}"; do
		start_node "$node"
	done
	wait_for_cluster
}

wait_for_cluster() {
	local node
	wait_for "all nodes" cluster_ready_or_one_ended
	for node in "${NODES[@]}"; do
		kill -0 "${NODE_PID[$node]}" 2>/dev/null || fail "node $node ended"
	done
}

cluster_ready_or_one_ended() {
	local node
	for node in "${NODES[@]}"; do
		kill -0 "${NODE_PID[$node]}" 2>/dev/null || return 0
	done
	cluster_ready
}

cluster_ready() {
	local node
	for node in "${NODES[@]}"; do
		[ "$(nats_ask "423$node" '$JS.API.INFO' '' | jq '.error.code')" = null ] || return 1
	done
}

# The number of the node that leads a stream.
leader_of() { # STREAM
	local node leader
	for node in "${NODES[@]}"; do
		leader=$(stream_info "423$node" "$1" .cluster.leader 2>/dev/null)
		[[ $leader != n? ]] || { echo "${leader#n}"; return; }
	done
	echo $((RANDOM % 3 + 1))
}
