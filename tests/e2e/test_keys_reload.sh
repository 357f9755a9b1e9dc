# SIGHUP reads the key file again: a new key works, a removed one does not, a bad file is ignored.
. "$(dirname "$0")/lib.sh"

make_keys 1
make_catalog 1,10,100,0,,,
start_engine
make_keys 1 2
expect_no_answer --key-id 2 op=ping,id=$(id 1)

reload() { # LINE TO WAIT FOR
	local seen
	seen=$(grep -c "$1" "$ENGINE_OUT.err" || true)

	kill -HUP "$ENGINE_PID"
	wait_for "'$1' after SIGHUP" test_line_count "$1" $((seen + 1))
}

test_line_count() {
	[ "$(grep -c "$1" "$ENGINE_OUT.err")" -ge "$2" ]
}

reload '^keys: 2 loaded from .*, in force$'
expect_verdict PONG --key-id 2 op=ping,id=$(id 1)
expect_verdict PONG --key-id 1 op=ping,id=$(id 1)

# Rotation ends: key 1 goes.
cp -p "$KEYS" "$WORK/both"
make_keys 2
reload '^keys: 1 loaded from .*, in force$'
expect_verdict PONG --key-id 2 op=ping,id=$(id 1)
expect_no_answer --keys "$WORK/both" --key-id 1 op=ping,id=$(id 1)

chmod 644 "$KEYS"
reload 'keys: not reloaded, the old ones stay'
expect_verdict PONG --keys "$WORK/both" --key-id 2 op=ping,id=$(id 1)
chmod 600 "$KEYS"
echo nonsense >>"$KEYS"
reload 'keys: not reloaded, the old ones stay'
expect_verdict PONG --keys "$WORK/both" --key-id 2 op=ping,id=$(id 1)
stop_engine
expect_eq "drops for an unknown key" 2 "$(counted drops UNKNOWN_KEY)"
