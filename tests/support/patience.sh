# How long a wait lasts on a busy machine. Sourced.
#
# A test that waits for something gives up after a time of its own processes, not of the clock: a
# second counts as half of one where twice as many threads want to run as there are cores.

PATIENCE_CORES=$(nproc)

# MS milliseconds of the clock, as they count now.
patience_ms() { # MS
	local load running

	read -r _ _ _ load _ </proc/loadavg
	running=${load%%/*}
	[ "$running" -gt "$PATIENCE_CORES" ] || running=$PATIENCE_CORES
	echo $(($1 * PATIENCE_CORES / running))
}
