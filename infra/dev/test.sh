#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# All tests of the tree, stage by stage; `make test` calls it. A stage that fails
# does not keep the next one from being run, but without programs there is
# nothing to run. At the end a line a stage, and "N passed, N failed": the sum of
# the lines of that form that the stages print; one that counts nothing, or
# fails without a count, is itself one.
#
#	MAKE=make    how make was called
#	JOBS=2       compilers at a time
set -euo pipefail
# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/server.sh" test

cd -- "$ROOT"

LOG=$(mktemp "${TMPDIR:-/tmp}/galore-test.XXXXXX")
trap 'rm -f -- "$LOG" "$LOG.stages"' EXIT

# stage TARGET [OPTION]...: true when it passed. Its output passes through.
stage() {
	local status=0 start
	now_ms start
	say "$1"
	"${MAKE:-make}" --no-print-directory "${@:2}" "$1" </dev/null 2>&1 |
		tee "$LOG" || status=$?
	seconds_since "$start"
	awk -v status="$status" -v target="$1" -v seconds="$REPLY" '
	/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
	END {
		failed += status && !failed
		passed += !status && !passed && !failed
		printf "%-6s  %-11s %5d passed, %d failed, %s s\n",
			failed ? "FAILED" : "ok", target, passed, failed, seconds
		exit failed > 0
	}' "$LOG" >>"$LOG.stages"
}

if stage all -j"${JOBS:-2}"; then
	stage lint-fast -j"${JOBS:-2}" || :
	stage model-quick || :
	stage check || :
	stage itest || :
	stage shelltest || :
fi
awk '
BEGIN { print "" }
{ print; passed += $3; failed += $5 }
END {
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0
}' "$LOG.stages"
