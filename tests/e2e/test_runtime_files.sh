# The EAL's runtime files: an engine that ends removes its own and those of killed engines, but
# never those of one that lives, even in another PID namespace with the same /run.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
start_engine --port memif:"$WORK/memif"
before=$(ls -R /run/doorbuster/doorbuster-eal-*)
[ -n "$before" ] || fail "no runtime files"

# shellcheck disable=SC2016
unshare --pid --fork --kill-child --mount-proc bash -c '
	out=$1
	shift
	"$@" >"$out" 2>"$out.err" &
	until grep -q "^ready " "$out"; do kill -0 $! || exit 1; sleep 0.05; done
	kill $!
	wait $!' nested "$WORK/nested" \
	"$SERVE" --data "$WORK/other" --catalog "$CATALOG" --keys "$KEYS" \
	--port memif:"$WORK/memif2" || fail "nested engine: $(cat "$WORK/nested.err")"
expect_eq "runtime files of the engine that lives" "$before" \
	"$(ls -R /run/doorbuster/doorbuster-eal-*)"

kill9
start_engine --port memif:"$WORK/memif"
stop_engine
[ ! -e /run/doorbuster ] || fail "left: $(ls -R /run/doorbuster)"
