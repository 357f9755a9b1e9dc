# With --ack memory each reply says that it is not durable, and a drain still writes everything.
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
