# Nobody reads what the engine prints: it sells on, drains, and puts the machine back.
. "$(dirname "$0")/lib.sh"

make_keys
make_catalog 1,10,100,0,,,
mkfifo "$WORK/pipe"
"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" >"$WORK/pipe" 2>&1 &
engine=$!
exec 3<"$WORK/pipe"
while read -r -u 3 line; do
	[ "${line%% *}" != ready ] || break
done
exec 3<&-
kill -HUP $engine
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 1)"
kill -TERM $engine
rc=0
wait $engine || rc=$?
expect_eq "exit code" 0 "$rc"
verify
expect_eq "orders" 1 "$(json .orders "$WORK/verify.json")"
