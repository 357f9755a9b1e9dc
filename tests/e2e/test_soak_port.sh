# An AF_XDP port beside a disk that stalls again and again: in each round a load comes in, replies
# that wait for the disk hold more than 20,000 packet buffers at once, and the buffers are used
# again. The port must receive until the end. FRAMES says how many datagrams come at least (`make
# soak-port` uses 10^8). The rates of a load before and after the stalls are printed, but decide
# nothing.
# time limit: 300 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hold.sh"

: "${FRAMES:=200000}" "${PORT:=lo}"
HELD=20500
LOAD_FRAMES=$((FRAMES / 10 < 1000000 ? FRAMES / 10 : 1000000))
rounds=0

load() { # FILL REQUESTS SEED
	"$BIN/doorbuster" load --scenario drop --server 127.0.0.1:7700 --keys "$KEYS" \
		--fill "$1" --requests "$2" --seed "$3" --timeout-ms 60000 --json \
		>"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
}

# Requests a second, the best of three, as other programs use the machine too.
best_rate() { # SEED
	for seed in $1 $(($1 + 1)) $(($1 + 2)); do
		load 29 300000 "$seed"
		json '.requests_per_s | floor' "$WORK/load.json"
	done | sort -n | tail -n 1
}

frames() {
	get /metrics
	metric 'doorbuster_frames_total{worker="0"}'
}

make_disk 700
make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
for sku in $(seq 100 120); do
	echo "$sku,1000000,10,0,,,"
done >>"$CATALOG"
start_engine --shards 2 --undated accept --port "$PORT" --metrics $METRICS
find_skus
before=$(best_rate 1000000)
begin=$SECONDS
while [ "$(frames)" -lt "$FRAMES" ]; do
	rounds=$((rounds + 1))
	load 1 "$LOAD_FRAMES" $rounds &
	load=$!
	fsfreeze -f "$DISK"
	hold_many $HELD $((2 * rounds))
	thaw
	wait $load || fail "the load of round $rounds did not end well"
	wait_for "the replies" nobody_waits
	! grep ': deaf\|is deaf' "$ENGINE_OUT.err" || fail "the port went deaf in round $rounds"
done
took=$((SECONDS - begin + 1))
get /metrics
expect_eq "openings" 0 "$(metric doorbuster_port_reopened_total)"
missed=$(metric doorbuster_port_missed_total)
came=$(metric 'doorbuster_frames_total{worker="0"}')
after=$(best_rate 2000000)
echo "$came frames in $rounds rounds, each with a stall and more than $HELD buffers held:" \
	"$((came / took)) a second, $missed missed"
echo "requests/s before $before, after $after:" \
	"$(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.2f", a / b }') of it"
stop_engine
verify_agrees
umount "$DISK"
