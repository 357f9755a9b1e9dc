# With --ack memory each reply says that it is not durable, and a drain still writes everything. An
# engine starts where the machine has hugepages that it may not use.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
start_engine --ack memory
expect_match "ready line" ' ack=memory ' "$(ready_line)"
expect_verdict ACCEPTED sku=1,buyer=1,id=$(id 1)
expect_eq "durability" memory "$(field durability "$REPLY_LINE")"
expect_verdict SOLD_OUT sku=1,buyer=1,id=$(id 2),quantity=10
expect_eq "durability of a refusal" none "$(field durability "$REPLY_LINE")"
stop_engine
verify_agrees
expect_eq "orders in the journal" 1 "$(json .orders "$WORK/verify.json")"

# As in a container whose cgroup forbids them: the machine shows them, and to take them fails.
HUGE=/sys/kernel/mm/hugepages/hugepages-2048kB
if [ "$(cat $HUGE/nr_hugepages)" = 0 ]; then
	echo 4096 >"$WORK/free"
	mount --bind "$WORK/free" $HUGE/free_hugepages
	start_engine
	expect_match "what it says of them" "hugepages: .* can't have .* go on normal pages" \
		"$(cat "$ENGINE_OUT.err")"
	stop_engine
	start_engine -- --no-huge
	! grep "can't have" "$ENGINE_OUT.err" || fail "it looked for what nobody wants"
	stop_engine
	verify_agrees
	umount $HUGE/free_hugepages
fi
