#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Unit tests: check.sh PROGRAM... runs them two at a time, or JOBS, each for at
# most DEADLINE seconds (300). A line a program, what it said only when it
# failed, and at the end "N passed, N failed", counted in Check's test cases; a
# program that ends without having told its cases is one that failed.
set -euo pipefail

# run_one PROGRAM: leaves passed and failed in a file of its own in $RESULTS.
run_one() {
	local program=$1 log line status=0 passed=0 failed=0 word=ok
	local -i n_checks n_bad
	log=$(mktemp "$RESULTS/log.XXXXXX")
	CK_VERBOSITY=normal timeout --kill-after=5 "$DEADLINE" \
		"$program" </dev/null >"$log" 2>&1 || status=$?
	while IFS= read -r line; do
		if [[ $line =~ Checks:\ ([0-9]+),\ Failures:\ ([0-9]+),\ Errors:\ ([0-9]+) ]]; then
			n_checks=${BASH_REMATCH[1]}
			n_bad=$((BASH_REMATCH[2] + BASH_REMATCH[3]))
			passed=$((passed + n_checks - n_bad))
			failed=$((failed + n_bad))
		fi
	done <"$log"
	if [[ $failed -eq 0 && ($status -ne 0 || $passed -eq 0) ]]; then
		failed=1
	fi
	[[ $failed -eq 0 ]] || word=FAILED
	{
		printf '%-6s  %s: %d passed, %d failed' \
			"$word" "$program" "$passed" "$failed"
		case $status in
		0 | 1) ;;
		124) printf ', not done in %s s' "$DEADLINE" ;;
		*) printf ', ended with status %d' "$status" ;;
		esac
		printf '\n'
		[[ $failed -eq 0 ]] || sed 's/^/        /' "$log"
	} >"$log.said"
	# One write, so that two programs' lines do not mix.
	printf '%s\n' "$(<"$log.said")"
	printf '%d %d\n' "$passed" "$failed" >"$log.count"
}

if [[ ${1-} == --one && -n ${RESULTS-} ]]; then
	run_one "$2"
	exit
fi

if [[ $# -eq 0 ]]; then
	printf 'check.sh PROGRAM...\n' >&2
	exit 2
fi
export DEADLINE=${DEADLINE:-300}
RESULTS=$(mktemp -d "${TMPDIR:-/tmp}/galore-check.XXXXXX")
export RESULTS
trap 'rm -rf "$RESULTS"' EXIT

status=0
printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-2}" \
	"${BASH_SOURCE[0]}" --one || status=1
passed=0
failed=0
shopt -s nullglob
counts=("$RESULTS"/*.count)
for count in "${counts[@]}"; do
	read -r n_passed n_failed <"$count"
	passed=$((passed + n_passed))
	failed=$((failed + n_failed))
done
# A run that left no count was itself ended.
failed=$((failed + $# - ${#counts[@]}))
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 && $status -eq 0 ]]
