#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Integration tests: run.sh PROGRAM... on one private Kafka and one private
# Postgres, which are started here and stopped at the end, however it ends.
# KAFKA_BROKERS and DATABASE_URL name servers that are there already.
#
# infra/dev/check.sh runs the programs; of one that failed also the end of the
# logs of what it had started is printed.
#
#	BIN=build/rel/bin       the programs under test
#	ITEST_DIR=build/itest   logs, a folder a test, and the screenshot
#	JOBS=2                  programs at a time
#	DEADLINE=1200           seconds that a program may take
#
# Invariant: what is started here has a watcher that outlives it: the servers
# watch this process, the kernel kills a test's programs with the test.
set -euo pipefail

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../infra/dev/server.sh" itest

export BIN=${BIN:-build/rel/bin} ITEST_DIR=${ITEST_DIR:-build/itest}
export DEADLINE=${DEADLINE:-1200}
RUNNER=

# ---- the servers -----------------------------------------------------------

# need_servers: both are there when it returns, or it says why not.
need_servers() {
	# Postgres may run as another user, who has to get in.
	SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/galore-itest.XXXXXX")
	export SERVERS
	chmod 0711 "$SERVERS"
	: >"$SERVERS/swept"
	# Each test has topics of its own, and they are many by the end.
	[[ -n ${KAFKA_BROKERS-} ]] || KAFKA_HEAP_MB=${KAFKA_HEAP_MB:-768} \
		own_start "$SERVERS" kafka
	[[ -n ${DATABASE_URL-} ]] || own_start "$SERVERS" postgres --test
	if own_wait "$SERVERS" kafka && own_wait "$SERVERS" postgres; then
		return 0
	fi
	die "the integration tests need a real Kafka and a real Postgres" \
		"infra/dev/bootstrap.sh --need test installs what is missing" \
		"or set KAFKA_BROKERS and DATABASE_URL to servers that are there"
}

# finish: at every end. What still runs is ended first.
finish() {
	local status=$?
	trap '' INT TERM HUP
	[[ -z $RUNNER ]] || end_process "$RUNNER" 5000 || :
	[[ -z ${SERVERS-} ]] || own_stop "$SERVERS" remove
	rm -rf -- "${SERVERS-}"
	exit "$status"
}

# sweep: the topics of worlds that passed are of no use any more, and a broker
# with a small heap does not bear those of a hundred. A pattern names them all.
sweep() {
	local suffixes
	exec 8>>"$SERVERS/sweep.lock"
	flock -w 120 8 || return 0
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

# show_logs LOG: the end of the logs of each test that failed. The folder of a
# case has the case's number behind the test's name.
show_logs() {
	local test log folder
	while IFS= read -r test; do
		for log in "$ITEST_DIR/$test"{,-*}/*.log; do
			folder=${log%/*}
			[[ -s $log && ! -e $folder/passed &&
				${log##*/} != overlord-* ]] || continue
			printf '    -- the end of %s\n' "$log"
			tail -n 12 -- "$log" | cut -c 1-300 | sed 's/^/    /'
		done
	done < <(sed -n 's/^.*:itest:\([a-zA-Z0-9_]*\):.*$/\1/p' "$1" | sort -u)
}

# ---- all of it -------------------------------------------------------------

# check.sh calls this after each program.
if [[ ${1-} == --after ]]; then
	[[ $3 == 0 ]] || show_logs "$2"
	sweep
	exit
fi

[[ $# -gt 0 ]] || usage_die "which programs? 'make itest' runs all"
cd -- "$ROOT"
mkdir -p -- "$ITEST_DIR"
rm -f -- "$ITEST_DIR"/*/passed "$ITEST_DIR"/topics
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
now_ms
began=$REPLY
need_servers
LOGS=$ITEST_DIR AFTER="$SELF --after" "$ROOT/infra/dev/check.sh" "$@" &
RUNNER=$!
r=0
wait "$RUNNER" || r=$?
seconds_since "$began"
say "$REPLY s with the servers"
[[ $r == 0 ]]
