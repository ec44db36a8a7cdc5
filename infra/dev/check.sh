#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tests that are programs: check.sh PROGRAM... runs them two at a time, or JOBS,
# each for at most DEADLINE seconds (120). A line a program, its notes, its
# output when it failed, and at the end "N passed, N failed", counted in Check's
# test cases; a program that ends without having counted its cases has failed.
# LOGS is where their logs stay. AFTER is a command that is called after each,
# with its log and how many cases failed; what it prints is printed.
set -euo pipefail
# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/server.sh" check

# Ends with us, and so do the programs: Ctrl-C leaves none behind.
with_us=(setpriv --pdeathsig TERM)

# run_one PROGRAM: leaves passed and failed in a file of its own in $RESULTS.
run_one() {
	local log line start status=0 passed=0 failed=0 word=ok
	local result=$RESULTS/${1//\//_}
	log=${LOGS:+$LOGS/${1##*/}.log}
	log=${log:-$result.log}
	now_ms start
	CK_VERBOSITY=normal "${with_us[@]}" timeout --kill-after=10 \
		"$DEADLINE" "$1" </dev/null >"$log" 2>&1 || status=$?
	while IFS= read -r line; do
		if [[ $line =~ Checks:\ ([0-9]+),\ Failures:\ ([0-9]+),\ Errors:\ ([0-9]+) ]]; then
			failed=$((failed + BASH_REMATCH[2] + BASH_REMATCH[3]))
			passed=$((passed + BASH_REMATCH[1] -
				BASH_REMATCH[2] - BASH_REMATCH[3]))
		fi
	done <"$log"
	[[ $failed -gt 0 || ($status == 0 && $passed -gt 0) ]] || failed=1
	[[ $failed == 0 ]] || word=FAILED
	seconds_since "$start"
	{
		printf '%-6s  %s: %d passed, %d failed, %s s' \
			"$word" "$1" "$passed" "$failed" "$REPLY"
		case $status in
		0 | 1) ;;
		124) printf ', not done in %s s' "$DEADLINE" ;;
		*) printf ', ended with status %d' "$status" ;;
		esac
		printf '\n'
		sed -n 's/^note: /        /p' "$log"
		[[ $failed == 0 ]] || sed -e '/^note: /d' -e 's/^/        /' "$log"
		[[ -z ${AFTER-} ]] || $AFTER "$log" "$failed"
	} >"$result.said"
	# One write, so that two programs' lines do not mix.
	printf '%s\n' "$(<"$result.said")"
	printf '%d %d\n' "$passed" "$failed" >"$result.count"
}

if [[ ${1-} == --one && -n ${RESULTS-} ]]; then
	run_one "$2"
	exit
fi

[[ $# -gt 0 ]] || usage_die "which programs? check.sh PROGRAM..."
export DEADLINE=${DEADLINE:-120}
RESULTS=$(mktemp -d "${TMPDIR:-/tmp}/galore-check.XXXXXX")
export RESULTS
trap 'rm -rf "$RESULTS"' EXIT
trap 'exit 1' INT TERM HUP

status=0
printf '%s\0' "$@" | "${with_us[@]}" xargs -0 -n 1 -P "${JOBS:-2}" \
	"${with_us[@]}" "${BASH_SOURCE[0]}" --one &
wait $! || status=1
shopt -s nullglob
# A run that left no count was itself ended.
awk -v runs=$# '{ passed += $1; failed += $2 } END {
	failed += runs - NR
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0
}' "$RESULTS"/*.count /dev/null && [[ $status == 0 ]]
