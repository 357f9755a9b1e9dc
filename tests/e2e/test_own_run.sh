# Two engines of one network namespace, each with a /run of its own, as two containers on the host's
# network have: neither sees the other's lock file. The second is refused, and the first sells on.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,

# Starts an engine with a /run of its own.
elsewhere() { # SERVE-ARGS...
	unshare --mount bash -c 'mount -t tmpfs tmpfs /run && exec "$@"' - timeout 300 "$SERVE" \
		--catalog "$CATALOG" --keys "$KEYS" "$@"
}

start_engine
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
rc=0
elsewhere --data "$WORK/second" --base-port 7800 >"$WORK/second.out" 2>"$WORK/second.err" || rc=$?
expect_eq "exit code of the second" 2 $rc
expect_match "its last line" 'another doorbuster serves lo .* share /run/doorbuster' \
	"$(tail -n 1 "$WORK/second.err")"
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 2)

echo "what a killed one left is no engine"
end9 "$ENGINE_PID"
elsewhere --data "$WORK/second" --base-port 7800 >"$WORK/second.out" 2>"$WORK/second.err" &
ENGINE_PID=$!
wait_for "the second engine" grep -q '^ready ' "$WORK/second.out"
kill "$(pgrep -x doorbuster-serv)"
wait "$ENGINE_PID" || fail "the second engine did not end well: $(cat "$WORK/second.err")"

echo "the next one with the first one's /run puts lo back"
start_engine
stop_engine
verify_agrees
