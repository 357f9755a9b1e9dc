# An engine is drained and started again and again: the state is the same each time, the sale goes
# on, and a catalog may gain SKUs.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,100,100,2,,, 2,100,100,0,,,
start_engine
for n in $(seq 1 20); do
	expect_verdict ACCEPTED "sku=$((n % 2 + 1)),buyer=$n,id=$(id "$n")"
done
stop_engine
hash=$(drained state_hash)
verify_agrees

for round in 1 2 3; do
	start_engine
	expect_match "ready line" 'offers_added=0$' "$(ready_line)"
	stop_engine
	expect_eq "state hash after restart $round" "$hash" "$(drained state_hash)"
done

make_catalog 1,100,100,2,,, 2,100,100,0,,, 3,7,50,0,,,
start_engine
expect_match "ready line" 'offers_added=1$' "$(ready_line)"
expect_verdict ACCEPTED sku=3,buyer=1,id=$(id 30)
expect_verdict ACCEPTED "sku=2,buyer=1,id=$(id 1)"
expect_verdict ACCEPTED "sku=1,buyer=2,id=$(id 31)"
expect_verdict LIMIT_REACHED "sku=1,buyer=2,id=$(id 32)"
stop_engine
expect_eq "orders" 22 "$(drained orders)"
verify_agrees

# A SKU that is no longer in the catalog stays on sale: the journal has it.
make_catalog 3,7,50,0,,,
start_engine
expect_verdict ACCEPTED sku=1,buyer=200,id=$(id 33)
stop_engine
verify_agrees
