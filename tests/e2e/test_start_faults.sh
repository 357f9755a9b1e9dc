# time limit: 300 s
# A start in which a system call fails, whichever it is: either it is refused with a line and exit
# code 2, or the engine sells and drains as usual. It is never ended by a signal and never hangs,
# and leaves nothing: sysctls of lo, XDP programs, files of /run, sockets, processes, the data
# directory.
#
# `make test` tries some of them, the same each time; SEED=N tries others. `make soak-start`
# (ALL=1) tries every system call, at each of its first uses and at ever rarer later ones, in
# hours; ONLY names some of them, PORTS some of the ports.
. "$(dirname "$0")/lib.sh"

SEED=${SEED:-1}
ALL=${ALL:-}
ONLY=${ONLY:-}
PORTS=${PORTS:-lo memif veth}
# How many starts `make test` tries, over all ports.
STARTS=${STARTS:-24}
HEADER=/usr/include/x86_64-linux-gnu/asm/unistd_64.h
RUN=$BIN/tests/e2e/fault_start
declare -A NAMES=() ERRNOS=([EPERM]=1 [ENOMEM]=12 [ENOSYS]=38)
RANDOM=$((SEED % 32768))

# Calls that always succeed, as their manual pages say: nobody looks at what they return.
# rt_sigreturn has nowhere to return to.
CANNOT_FAIL=' getpid gettid getuid umask sched_yield rt_sigreturn '
# If it always fails, every program of this libc ends before its main: so it fails only once.
ENDS_ALL=' rseq '
# Calls whose later failure we cannot handle. rt_sigaction: libc prepares pthread_cancel with it,
# which DPDK calls at its end, and does not check the result; then cancelling the thread ends us by
# a signal for which no handler can be set. rt_sigprocmask: libc unblocks signals with it in a new
# thread, and does not check the result either; then the cancellation never reaches the thread, and
# DPDK waits for its end. If they fail from the start on, the start is refused; the test does not
# make them fail later.
FROM_START=' rt_sigaction rt_sigprocmask '
# Without it the engine can print nothing.
MUTE=' write '
# A file that can never be opened, read, examined or removed stays: the next start must remove it,
# and is tried.
NEXT_START=' openat openat2 unlinkat rmdir newfstatat getdents64 flock '

while read -r word name number _; do
	[ "$word" = '#define' ] && [[ $name == __NR_* ]] && NAMES[$number]=${name#__NR_}
done <"$HEADER"

machine() {
	cat /proc/sys/net/ipv4/conf/*/{route_localnet,accept_local}
	ip -o -d link show | sed 's/ state [A-Z]*//; s/qdisc [a-z]*//'
	find /run /dev/hugepages* "$WORK" -mindepth 1 \
		! -path "$WORK/run*" ! -path "$WORK/keys" -printf "%p %y %m %s\n" 2>/dev/null | sort
	awk 'NR > 1 { print $8 }' /proc/net/unix | grep -v '^$' | sort
	tail -n +2 /proc/net/udp /proc/net/tcp /proc/net/packet
	for dir in /proc/[0-9]*; do
		grep -qxF doorbuster-serv "$dir/comm" 2>/dev/null && echo "$dir"
	done
	true
}

engine() { # FAULT-ARGS... -- PORT
	local args=()

	while [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	case $2 in
	lo) PORT=lo ADDRESS=127.0.0.1 ;;
	veth) PORT=af_xdp:veth0 ADDRESS= ;;
	memif) PORT=memif:$WORK/socket ADDRESS= ;;
	esac
	[ "$ADDRESS" = '' ] || args+=(--at-ready "$BIN/tests/e2e/ask --keys $KEYS \
		sku=1,buyer=1,id=$(id 1) | grep -q ^ACCEPTED")
	"$RUN" "${args[@]}" -- "$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" \
		--segment-mib 1 --port "$PORT" 2>"$WORK/run.err"
}

wrong() { # WHAT
	echo "WRONG: $*: $GOT"
	tail -n 5 "$WORK/run.err" | sed 's/^/    | /'
	WRONG_CNT=$((WRONG_CNT + 1))
}

# Tries one start in which a call fails.
try() { # PORT NR ERRNO FIRST LAST
	local port=$1 nr=$2 error=$3 first=$4 last=$5 left
	local name=${NAMES[$nr]:-$nr}
	local what="$port $name $error $first..$last"

	[[ $CANNOT_FAIL != *" $name "* ]] || return 0
	[[ $FROM_START != *" $name "* ]] || first=1 last=0
	[[ $ENDS_ALL != *" $name "* ]] || last=$first
	TRIED_CNT=$((TRIED_CNT + 1))
	GOT=$(engine --fail "$nr:${ERRNOS[$error]}:$first:$last" -- "$port") ||
		fail "$what: $GOT $(tail -n 3 "$WORK/run.err")"
	case $GOT in
	*'ready=yes end=exit:0 at-ready=0') rm -rf "$DATA" ;;
	*'ready=no end=exit:2 '*)
		grep -q '^doorbuster-serve: ' "$WORK/run.err" ||
			[[ $MUTE == *" ${NAMES[$nr]} "* ]] || wrong "$what: no line"
		;;
	*) wrong "$what" ;;
	esac
	if [[ $last = 0 && $NEXT_START == *" $name "* &&
		(-e /run/dpdk || -e /run/doorbuster || -e $DATA) ]]; then
		GOT="$(engine --fail 999:1:1:1 -- "$port") after $GOT"
		[[ $GOT == *'ready=yes end=exit:0 at-ready=0 after'* ]] || wrong "$what: next start"
	fi
	[[ $last != 0 || $NEXT_START != *" $name "* ]] || rm -rf "$DATA"
	left=$(diff <(echo "$BEFORE") <(machine)) || {
		wrong "$what: left: $left"
		rm -rf "$DATA" /run/dpdk /run/doorbuster "$WORK"/socket*
		echo 0 >/proc/sys/net/ipv4/conf/lo/route_localnet
		echo 0 >/proc/sys/net/ipv4/conf/lo/accept_local
		ip link set dev lo xdp off 2>/dev/null || true
		ip link set dev veth0 xdp off 2>/dev/null || true
	}
}

# The uses of a call at which it fails: the first ones, then rarer and rarer ones.
uses() { # COUNT
	local use=1

	while [ $use -le "$1" ]; do
		echo $use
		use=$((use < 8 ? use + 1 : use + use / 4))
	done
}

pick() { # WORD...: sets PICKED
	local all=("$@")

	PICKED=${all[RANDOM % ${#all[@]}]}
}

make_keys
make_catalog 1,10,100,0,,,
ip link add veth0 type veth peer name veth1
ip link set veth0 up && ip link set veth1 up
ip address add 10.99.0.1/24 dev veth0
for link in veth0 veth1; do
	ethtool -K $link rxvlan off txvlan off >/dev/null 2>&1
done
TRIED_CNT=0 WRONG_CNT=0
declare -A NUMBERS=()
for number in "${!NAMES[@]}"; do
	NUMBERS[${NAMES[$number]}]=$number
done
BEFORE=$(machine)
# Forbidden as container engines forbid them.
for name in io_uring_setup io_uring_enter io_uring_register; do
	try lo "${NUMBERS[$name]}" EPERM 1 0
	expect_match "said of $name" "^doorbuster-serve: workers: io_uring.*seccomp.*$name" \
		"$(grep '^doorbuster-serve: ' "$WORK/run.err")"
done
# Failures for which DPDK and libc end the process.
for name in epoll_create epoll_ctl rseq; do
	try lo "${NUMBERS[$name]}" EPERM 1 1
	expect_match "said of $name" '^doorbuster-serve: (limits|DPDK): ended by signal 6 ' \
		"$(grep '^doorbuster-serve: ' "$WORK/run.err")"
done
echo "SEED=$SEED"
for port in $PORTS; do
	BEFORE=$(machine)
	expect_match "a start in which nothing fails" 'ready=yes end=exit:0 at-ready=0' \
		"$(engine --record "$WORK/run.calls.$port" -- "$port")"
	[ "$(wc -l <"$WORK/run.calls.$port")" -gt 40 ] || fail "the start makes no calls"
	rm -rf "$DATA"
	expect_eq "what that left" "$BEFORE" "$(machine)"
	left=$((STARTS / $(wc -w <<<"$PORTS")))
	while read -r nr count <&3; do
		[[ -z $ONLY || " $ONLY " == *" ${NAMES[$nr]} "* ]] || continue
		if [ -n "$ALL" ]; then
			for error in EPERM ENOMEM ENOSYS; do
				try "$port" "$nr" $error 1 0
			done
			for use in $(uses "$count"); do
				try "$port" "$nr" EPERM "$use" "$use"
				try "$port" "$nr" ENOMEM "$use" 0
			done
		elif [ $left -gt 0 ]; then
			pick EPERM EPERM ENOMEM ENOSYS
			error=$PICKED
			# shellcheck disable=SC2046
			pick $(uses "$count")
			first=$PICKED
			pick 0 "$first"
			try "$port" "$nr" "$error" "$first" "$PICKED"
			left=$((left - 1))
		fi
	done 3< <(shuf --random-source=<(yes $((SEED))) "$WORK/run.calls.$port")
done
echo "$TRIED_CNT starts, $WRONG_CNT of them wrong"
expect_eq "starts that went wrong" 0 $WRONG_CNT
