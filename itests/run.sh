#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Integration tests: run.sh PROGRAM... on one private Kafka and one private
# Postgres, which are started here and stopped at the end, however it ends.
# KAFKA_BROKERS and DATABASE_URL name servers that are there already.
#
# It prints a line a program; of one that failed its output, and the end of the
# logs of the programs that it had started. At the end it prints "N passed, N
# failed"; Check's cases are counted.
#
#	BIN=build/rel/bin       the programs under test
#	ITEST_DIR=build/itest   logs, a folder a test, and the screenshot
#	JOBS=2                  programs at a time
#	DEADLINE=1200           seconds that a program may take
#
# Invariant: nothing that is started here outlives this process. The servers
# watch it, and the kernel kills a test's programs when the test ends.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(cd -- "$HERE/.." && pwd -P)
# Read by server.sh.
# shellcheck disable=SC2034
SERVER=itest
# shellcheck source=infra/dev/server.sh
. "$ROOT/infra/dev/server.sh"

BIN=${BIN:-build/rel/bin}
ITEST_DIR=${ITEST_DIR:-build/itest}
JOBS=${JOBS:-2}
DEADLINE=${DEADLINE:-1200}
export BIN ITEST_DIR

N_PASSED=0
N_FAILED=0
SERVERS=
# By process: which program it is, and when it was started.
declare -A RUNNING=() STARTED=()

# ---- the servers -----------------------------------------------------------

# need_servers: both are there when it returns, or it says why not.
need_servers() {
	local pids=() pid status=0
	# Postgres may run as another user, who has to get in.
	SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/galore-itest.XXXXXX")
	chmod 0711 "$SERVERS"
	: >"$SERVERS/swept"
	[[ -n ${KAFKA_BROKERS-} ]] || {
		# Each test has topics of its own, and they are many by the end.
		KAFKA_HEAP_MB=${KAFKA_HEAP_MB:-768} \
			"$ROOT/infra/kafka/kafka.sh" start "$SERVERS/kafka" \
			--watch-pid $$ &
		pids+=($!)
	}
	[[ -n ${DATABASE_URL-} ]] || {
		"$ROOT/infra/postgres/postgres.sh" start "$SERVERS/postgres" \
			--test --watch-pid $$ &
		pids+=($!)
	}
	for pid in ${pids[@]+"${pids[@]}"}; do
		wait "$pid" || status=1
	done
	[[ $status == 0 ]] || die \
		"the integration tests need a real Kafka and a real Postgres" \
		"infra/dev/bootstrap.sh --need test installs what is missing" \
		"or set KAFKA_BROKERS and DATABASE_URL to servers that are there"
	[[ -n ${KAFKA_BROKERS-} ]] || export_file "$SERVERS/kafka/kafka.env"
	[[ -n ${DATABASE_URL-} ]] ||
		export_file "$SERVERS/postgres/postgres.env"
}

drop_servers() {
	local pids=() pid
	[[ -n $SERVERS ]] || return 0
	for SERVER in kafka postgres; do
		[[ -d $SERVERS/$SERVER ]] || continue
		"$ROOT/infra/$SERVER/$SERVER.sh" remove "$SERVERS/$SERVER" &
		pids+=($!)
	done
	for pid in ${pids[@]+"${pids[@]}"}; do
		wait "$pid" || :
	done
	rm -rf -- "$SERVERS"
}

# finish: at every end. What still runs is ended first.
finish() {
	local status=$? pid
	trap '' INT TERM HUP
	for pid in "${!RUNNING[@]}"; do
		end_process "$pid" 5000 || :
	done
	drop_servers
	exit "$status"
}

# sweep: the topics of worlds that passed are of no use any more, and a broker
# with a small heap does not bear those of a hundred. The tool takes a pattern.
sweep() {
	local suffixes
	suffixes=$({ cat -- "$ITEST_DIR"/topics "$ITEST_DIR"/*/passed \
		2>/dev/null || :; } | sort -u | comm -23 - "$SERVERS/swept")
	[[ -n $suffixes ]] || return 0
	printf '%s\n' "$suffixes" | sort -u - "$SERVERS/swept" \
		-o "$SERVERS/swept"
	"$ROOT/infra/kafka/kafka.sh" tool \
		org.apache.kafka.tools.TopicCommand \
		--bootstrap-server "$KAFKA_BROKERS" --delete --if-exists \
		--topic ".*(${suffixes//$'\n'/|})" \
		>>"$ITEST_DIR/sweep.log" 2>&1 || :
}

# ---- the tests -------------------------------------------------------------

begin() {
	local name=${1##*/}
	CK_VERBOSITY=normal timeout --kill-after=10 "$DEADLINE" "$1" \
		</dev/null >"$ITEST_DIR/$name.log" 2>&1 &
	RUNNING[$!]=$1
	now_ms
	STARTED[$!]=$REPLY
}

# show_logs LOG: the end of the logs of each test that failed. A case of a test
# has its number behind the name of its folder.
show_logs() {
	local test folder log
	while IFS= read -r test; do
		for folder in "$ITEST_DIR/$test" "$ITEST_DIR/$test"-*; do
			[[ -d $folder && ! -e $folder/passed ]] || continue
			for log in "$folder"/*.log; do
				[[ -s $log && ${log##*/} != overlord-* ]] ||
					continue
				printf '    -- the end of %s\n' "$log"
				tail -n 12 -- "$log" | cut -c 1-300 |
					sed 's/^/    /'
			done
		done
	done < <(sed -n 's/^.*:itest:\([a-zA-Z0-9_]*\):.*$/\1/p' "$1" | sort -u)
}

# report PID STATUS: prints the line of a program that has ended.
report() {
	local program=${RUNNING[$1]} log line word=ok passed=0 failed=0
	log=$ITEST_DIR/${program##*/}.log
	while IFS= read -r line; do
		if [[ $line =~ Checks:\ ([0-9]+),\ Failures:\ ([0-9]+),\ Errors:\ ([0-9]+) ]]; then
			failed=$((BASH_REMATCH[2] + BASH_REMATCH[3]))
			passed=$((BASH_REMATCH[1] - failed))
		fi
	done <"$log"
	# A program that ends without a count of its cases has failed.
	[[ $failed -gt 0 || ($2 == 0 && $passed -gt 0) ]] || failed=1
	[[ $failed == 0 ]] || word=FAILED
	seconds_since "${STARTED[$1]}"
	printf '%-6s  %s: %d passed, %d failed, %s s\n' "$word" \
		"${program##*/}" "$passed" "$failed" "$REPLY"
	sed -n 's/^note: /        /p' "$log"
	[[ $failed == 0 ]] || {
		[[ $2 != 124 ]] || printf '    not done in %s s\n' "$DEADLINE"
		grep -v '^note: ' "$log" | sed 's/^/    /'
		show_logs "$log"
	}
	N_PASSED=$((N_PASSED + passed))
	N_FAILED=$((N_FAILED + failed))
	unset "RUNNING[$1]"
	sweep
}

# wait_for_one: waits for the next program that ends, and reports it.
wait_for_one() {
	local ended='' status=0
	wait -n -p ended "${!RUNNING[@]}" || status=$?
	[[ -n $ended ]] || return 0
	report "$ended" "$status"
}

# ---- all of it -------------------------------------------------------------

[[ $# -gt 0 ]] || usage_die "which programs? 'make itest' runs all"
cd -- "$ROOT"
mkdir -p -- "$ITEST_DIR"
rm -f -- "$ITEST_DIR"/*/passed "$ITEST_DIR"/topics
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
now_ms
BEGAN=$REPLY
need_servers
for program in "$@"; do
	[[ ${#RUNNING[@]} -lt $JOBS ]] || wait_for_one
	begin "$program"
done
while [[ ${#RUNNING[@]} -gt 0 ]]; do
	wait_for_one
done
seconds_since "$BEGAN"
printf 'integration tests: %s s\n' "$REPLY"
printf '%d passed, %d failed\n' "$N_PASSED" "$N_FAILED"
[[ $N_FAILED == 0 ]]
