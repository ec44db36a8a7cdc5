# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Shell tests: a runner for tables of tests. The file that sources it defines
# tidy(), which ends what lives in $SCRATCH, and gives run_tests a row a test: a
# sentence with _ for spaces, and the command that shows it, which is the
# sentence itself when nothing follows. A test fails when a command in it does.
# A line a test, and at the end "N passed, N failed".
#
# Invariant: whatever a test started bears the folder $SCRATCH in its command
# line or its environment, so what is left over can be found.

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/server.sh" "$(basename -- "$0" .sh)"

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/galore-test.XXXXXX")
# Long, since the machine may be busy: what is waited for is an event.
DEADLINE_MS=180000
# A proxy is for the network, which no test needs.
export NO_PROXY='*' no_proxy='*'

# said COMMAND...: keep what it says.
said() {
	"$@" >"$SCRATCH/said" 2>&1
}

# refused COMMAND...: keep what it says, and it must fail.
refused() {
	! said "$@" || expect false "should have failed: $*"
}

# expect COMMAND...: what the program under test said is shown when it is false.
expect() {
	"$@" && return 0
	say "not so: $*"
	[[ ! -f $SCRATCH/said ]] || sed 's/^/    /' "$SCRATCH/said" >&2
	return 1
}

expect_said() {
	expect grep -q -F -e "$1" "$SCRATCH/said"
}

# wait_until COMMAND...: true within DEADLINE_MS.
wait_until() {
	expect within "$DEADLINE_MS" 0.05 "$@"
}

# killed PID: by the kernel, and gone when it returns.
killed() {
	kill -KILL "$1"
	expect wait_gone "$1" "$DEADLINE_MS"
}

# first_word FILE prints the process that a pid file names.
first_word() {
	read_word "$1"
	printf '%s' "${REPLY%% *}"
}

# ours sets REPLY: processes with the scratch folder in their command line or
# environment, without this shell.
ours() {
	local files file pid
	local -A found=()
	# It finds itself, too, but has gone when we look.
	files=$(grep -l -s -F -e "$SCRATCH" /proc/[0-9]*/{cmdline,environ}) || :
	for file in $files; do
		pid=${file#/proc/}
		pid=${pid%/*}
		[[ $pid == "$$" ]] || ! proc_alive "$pid" || found[$pid]=yes
	done
	REPLY=${!found[*]}
}

none_is_ours() {
	ours
	[[ -z $REPLY ]]
}

# nobody_is_left: within DEADLINE_MS none of ours is alive.
nobody_is_left() {
	within "$DEADLINE_MS" 0.1 none_is_ours && return 0
	ours
	# shellcheck disable=SC2086 # a list of numbers
	ps -o pid,args -p ${REPLY// /,} | cut -c 1-120 >&2
	return 1
}

finish_tests() {
	local r=$? pid
	(tidy) || :
	ours
	for pid in $REPLY; do kill -KILL "$pid" 2>/dev/null || :; done
	rm -rf -- "$SCRATCH"
	exit "$r"
}

# run_tests [SENTENCE]... <TABLE: those only, or all of the table.
run_tests() {
	local name command n=0 failed=0 r start
	while read -r name command <&8; do
		[[ $# == 0 || " $* " == *" $name "* ]] || continue
		n=$((n + 1))
		now_ms start
		# Not as a condition: that would switch -e off within the test.
		set +e
		(set -e; trap - EXIT; eval "${command:-$name}") 8<&-
		r=$?
		set -e
		seconds_since "$start"
		printf '%-6s  %s (%s s)\n' "$([[ $r == 0 ]] && echo ok || echo FAILED)" \
			"${name//_/ }" "$REPLY"
		[[ $r == 0 ]] || {
			failed=$((failed + 1))
			tidy || :
		}
	done 8<&0 </dev/null
	printf '%d passed, %d failed\n' $((n - failed)) "$failed"
	[[ $failed == 0 && $n -gt 0 ]]
}

trap finish_tests EXIT
trap 'exit 1' INT TERM HUP
