# The wall clock is wrong: for one reading of 20 ms, for a while, for long, at the very first
# reading. Offers follow a step only after it has lasted; meanwhile the engine reports it.
# time limit: 200 s
. "$(dirname "$0")/lib.sh"

DAY_S=86400
AHEAD=$WORK/ahead
export ASAN_OPTIONS=verify_asan_link_order=0

start_at() { # ARGS... : its wall clock is ahead by what $AHEAD says
	LD_PRELOAD=$BIN/tests/e2e/preload_clock_ahead.so CLOCK_AHEAD_FILE=$AHEAD \
		start_engine --metrics $METRICS "$@"
}
at() { # DATE
	date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}
says() { # PATTERN
	grep -qE "$1" "$ENGINE_OUT.err"
}
count_says() { # PATTERN
	grep -cE "$1" "$ENGINE_OUT.err" || true
}
health_is() { # STATUS PATTERN
	get /healthz
	[ "$HTTP_STATUS" = "$1" ] && grep -qE "$2" "$WORK/answer"
}
# SKU 2 opens in an hour, 3 closes in an hour; a request for more than the stock is SOLD_OUT while
# the offer is open.
expect_hours() { # VERDICT-OF-2 VERDICT-OF-3
	expect_verdict "$1" "sku=2,buyer=1,quantity=100,id=$(id 2)"
	expect_verdict "$2" "sku=3,buyer=1,quantity=100,id=$(id 3)"
}
# Buys one of SKU 1; the lane's time of it must be the machine's, within 30 s.
expect_right_time() { # ID
	local now instant

	expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id "$1")"
	instant=$(($(field instant "$REPLY_LINE") / 1000000000))
	now=$(date +%s)
	[ $instant -le "$now" ] && [ $instant -ge $((now - 30)) ] ||
		fail "the order's instant is $instant, it is $now s"
}

make_keys
make_catalog 1,1000,100,0,,, 2,10,100,0,"$(at '+1 hour')",, 3,10,100,0,,"$(at '+1 hour')",

echo "wrong readings of 20 ms, until one is noticed, and then some"
start_at
expect_hours NOT_OPEN SOLD_OUT
more=20
for _ in $(seq 1 1000); do
	echo $DAY_S >"$AHEAD"
	sleep 0.02
	rm "$AHEAD"
	expect_hours NOT_OPEN SOLD_OUT
	! says "jumped 86400\.[0-9]* s ahead" || more=$((more - 1))
	[ $more -gt 0 ] || break
done
[ $more -lt 20 ] || fail "no reading was noticed"
wait_for "the end to be told" says 'where it was before it jumped 86400'
expect_right_time 100
wait_for "all to be well" health_is 200 'every lane sells'

for step in $DAY_S -$DAY_S; do
	echo "$step s for a while"
	echo $step >"$AHEAD"
	wait_for "the metric" metric_is doorbuster_clock_step_pending 1
	expect_match "by how much" "^$step$" "$(metric doorbuster_clock_step_seconds |
		awk '{ printf "%.0f", $1 }')"
	expect_match "the lane's distance" "^$((-step))$" \
		"$(metric 'doorbuster_lane_clock_ahead_seconds{lane="0"}' |
			awk '{ printf "%.0f", $1 }')"
	health_is 503 "^the machine's clock has jumped .86[34][0-9.]* s; the lanes keep" ||
		fail "health: $HTTP_STATUS $(cat "$WORK/answer")"
	expect_hours NOT_OPEN SOLD_OUT
	expect_right_time $((200 + (step > 0)))
	rm "$AHEAD"
	wait_for "all to be well" health_is 200 'every lane sells'
	get /metrics
	expect_eq "step pending" 0 "$(metric doorbuster_clock_step_pending)"
done
echo "a small step is told, and nobody restarts an engine for it"
for step in 0.5 -0.5; do
	echo $step >"$AHEAD"
	wait_for "the metric" metric_is doorbuster_clock_step_pending 1
	expect_match "by how much" "^$step$" "$(metric doorbuster_clock_step_seconds |
		awk '{ printf "%.1f", $1 }')"
	health_is 200 'every lane sells' || fail "health: $HTTP_STATUS $(cat "$WORK/answer")"
	rm "$AHEAD"
	wait_for "its end" metric_is doorbuster_clock_step_pending 0
done
expect_eq "small steps told" 2 "$(count_says 'jumped 0\.[45][0-9]* s (ahead|back); the lanes keep')"
expect_eq "steps followed" 0 "$(count_says 'have followed')"
kill9

echo "a step that lasts is followed"
start_at --clock-step-seconds 2
expect_hours NOT_OPEN SOLD_OUT
echo $DAY_S >"$AHEAD"
wait_for "the step" says 'clock: the machine.s clock has jumped 86400\.[0-9]* s ahead.* 2 s'
wait_for "it to be followed" says 'clock stayed 86400\.[0-9]* s ahead: the lanes'
expect_hours SOLD_OUT CLOSED
wait_for "all to be well" health_is 200 'every lane sells'
rm "$AHEAD"
wait_for "the way back" says 'clock: the machine.s clock stayed 86400\.[0-9]* s back: the lanes'
health_is 503 '^lane 0: its clock is 86[34][0-9]*\.[0-9]* s ahead of the machine.s$' ||
	fail "health: $HTTP_STATUS $(cat "$WORK/answer")"
expect_hours SOLD_OUT CLOSED
kill9

echo "a start with lanes that are ahead"
start_at
expect_match "the warning" 'lane 0: its clock is 86[34][0-9]*\.[0-9]* s ahead .*--clock-back' \
	"$(grep '^lane 0: its clock' "$ENGINE_OUT.err")"
expect_hours SOLD_OUT CLOSED
stop_engine
verify_agrees
[ "$(json '.lanes[0].clock_ahead_ns' "$WORK/verify.json")" -gt $((86300 * 1000000000)) ] ||
	fail "verify: $(cat "$WORK/verify.json")"
expect_match "what verify prints" 'clock    lane 0 is 86[34][0-9]*\.[0-9]{3} s ahead of' \
	"$("$BIN/doorbuster" journal verify "$DATA")"
rm -r "$DATA"

echo "the first reading is wrong"
LD_PRELOAD=$BIN/tests/e2e/preload_clock_ahead.so CLOCK_AHEAD_S=$DAY_S CLOCK_AHEAD_READINGS=1 \
	start_engine --clock-step-seconds 1
says 'clock: the machine.s clock has jumped 86400\.[0-9]* s back since this start began' ||
	fail "the start does not say it: $(cat "$ENGINE_OUT.err")"
says 'clock: the machine.s clock stayed so: the start goes on' || fail "nor that it goes on"
expect_hours NOT_OPEN SOLD_OUT
expect_right_time 300
stop_engine
