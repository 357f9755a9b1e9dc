# Lanes, a JetStream of three nodes and PostgreSQL agree after relay, sink, nodes (also the leader)
# and engine were killed or stopped in the middle of a sale. Runs chaos.sh with a few faults.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/chaos.sh"

ROUNDS=${ROUNDS:-2} LOSE=${LOSE:-0}
chaos
