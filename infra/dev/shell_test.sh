# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Shell tests: a runner for tests that are shell functions. Sourced, after
# server.sh; the file that sources it has its tests between the lines
# `# ---- the tests` and `# ---- all of them`, and calls run_tests at its end.
# A test's name is a sentence. A test fails when a command in it does. A line a
# test, and at the end "N passed, N failed".
#
# What the program under test said is in $SCRATCH/said; $SCRATCH is removed at
# the end, after tidy() has ended what lives in it.

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
	if said "$@"; then
		say "should have failed: $*"
		return 1
	fi
}

expect_said() {
	grep -q -F -e "$1" "$SCRATCH/said" && return 0
	say "expected '$1', but it said:"
	sed 's/^/    /' "$SCRATCH/said" >&2
	return 1
}

expect() {
	"$@" && return 0
	say "not so: $*"
	[[ ! -f $SCRATCH/said ]] || sed 's/^/    /' "$SCRATCH/said" >&2
	return 1
}

# wait_until COMMAND...: true within DEADLINE_MS.
wait_until() {
	local end
	now_ms
	end=$((REPLY + DEADLINE_MS))
	until "$@"; do
		now_ms
		if [[ $REPLY -ge $end ]]; then
			say "waited too long for: $*"
			return 1
		fi
		sleep 0.05
	done
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

# nobody_is_left: within DEADLINE_MS none of ours is alive.
nobody_is_left() {
	local end pid
	now_ms
	end=$((REPLY + DEADLINE_MS))
	ours
	while [[ $REPLY ]]; do
		now_ms
		[[ $REPLY -lt $end ]] || break
		sleep 0.1
		ours
	done
	# The clock has used REPLY.
	ours
	for pid in $REPLY; do
		say "still there: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" |
			cut -c 1-120)"
	done
	[[ -z $REPLY ]]
}

finish_tests() {
	local r=$? pid
	! declare -F tidy >/dev/null || (tidy) || :
	ours
	for pid in $REPLY; do kill -KILL "$pid" 2>/dev/null || :; done
	rm -rf -- "$SCRATCH"
	exit "$r"
}

# run_tests FILE [NAME]...: those only, or all of the file.
run_tests() {
	local file=$1 name n=0 failed=0 r start
	shift
	while read -r name; do
		[[ $# == 0 || " $* " == *" $name "* ]] || continue
		n=$((n + 1))
		now_ms
		start=$REPLY
		# Not as a condition: that would switch -e off within the test.
		set +e
		(set -e; trap - EXIT; "$name")
		r=$?
		set -e
		if [[ $r == 0 ]]; then
			seconds_since "$start"
			printf 'ok      %s (%s s)\n' "${name//_/ }" "$REPLY"
		else
			printf 'FAILED  %s\n' "${name//_/ }"
			failed=$((failed + 1))
			tidy || :
		fi
	done < <(sed -n -e '/^# ---- the tests/,/^# ---- all of them/s/^\([a-z0-9_]*\)() {$/\1/p' \
		"$file")
	printf '%d passed, %d failed\n' $((n - failed)) "$failed"
	[[ $failed == 0 && $n -gt 0 ]]
}

trap finish_tests EXIT
trap 'exit 1' INT TERM HUP
