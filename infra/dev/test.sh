#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Everything that judges the tree, stage by stage; `make test` calls it. A stage
# that fails does not keep the next one from being run, but without programs
# there is nothing to run. At the end a line a stage, and "N passed, N failed":
# the sum of what the stages say of themselves in such a line; one that counts
# nothing, or fails without a count, is itself one.
#
#	MAKE=make    how make was called
#	JOBS=2       compilers at a time
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# Read by server.sh.
# shellcheck disable=SC2034
SERVER="test"
# shellcheck source=infra/dev/server.sh
. infra/dev/server.sh

MAKE=${MAKE:-make}
JOBS=${JOBS:-2}
PASSED=0
FAILED=0
SUMMARY=()
LOG=$(mktemp "${TMPDIR:-/tmp}/galore-test.XXXXXX")
trap 'rm -f -- "$LOG"' EXIT

# stage TARGET [OPTION]...: true when it passed. Its words pass through.
stage() {
	local target=$1 status=0 passed=0 failed=0 word=ok line start
	shift
	now_ms
	start=$REPLY
	say "$target"
	"$MAKE" --no-print-directory "$@" "$target" </dev/null 2>&1 |
		tee "$LOG" || status=$?
	while IFS= read -r line; do
		[[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]] || continue
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
	done <"$LOG"
	if [[ $status != 0 && $failed == 0 ]]; then
		failed=1
	elif [[ $status == 0 && $passed == 0 && $failed == 0 ]]; then
		passed=1
	fi
	[[ $failed == 0 ]] || word=FAILED
	seconds_since "$start"
	printf -v line '%-6s  %-10s %5d passed, %d failed, %s s' \
		"$word" "$target" "$passed" "$failed" "$REPLY"
	SUMMARY+=("$line")
	PASSED=$((PASSED + passed))
	FAILED=$((FAILED + failed))
	[[ $failed == 0 ]]
}

if stage all -j"$JOBS"; then
	stage lint-fast || :
	stage check || :
	stage itest || :
	stage shelltest || :
fi
printf '\n'
printf '%s\n' "${SUMMARY[@]}"
printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
[[ $FAILED == 0 ]]
