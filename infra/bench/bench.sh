#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Bench: measurements that anybody can repeat. Servers of its own, fsync on,
# in a folder that goes with it; systems take turns round by round; a round
# whose check fails is void and is said to be.
#
#	bench.sh drain	one chillybin drains a prefilled topic, against the
#			floor: the same rows and effects over one connection
#
# Settings: BIN (the folder of the programs), N orders, ROUNDS, FLOOR_BATCH,
# OUT (the folder of the results), SEED.
set -euo pipefail

# shellcheck source=infra/dev/server.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../dev/server.sh" bench

cd -- "$ROOT"

BIN=${BIN:-build/rel/bin}
N=${N:-200000}
ROUNDS=${ROUNDS:-3}
OUT=${OUT:-build/bench}
SEED=${SEED:-42}
FLOOR_BATCH=${FLOOR_BATCH:-1000}
READY_DEADLINE_MS=30000
DRAIN_DEADLINE_S=300
DIR='' WORKER='' LOOKER='' READER=''

# quietly WHAT COMMAND...: its output is shown when it fails.
quietly() {
	"${@:2}" >"$DIR/said" 2>&1 && return 0
	tail -n 5 "$DIR/said" >&2
	die "$1"
}

check_settings() {
	local name
	command -v psql >/dev/null || die "there is no psql"
	for name in ROUNDS FLOOR_BATCH N; do
		[[ ${!name} =~ ^[1-9][0-9]{0,8}$ ]] ||
			die "setting '$name' is '${!name}', which is no whole number from 1 on"
	done
	[[ $N -ge $((10 * FLOOR_BATCH)) ]] ||
		die "setting 'N' is '$N', which is less than ten times FLOOR_BATCH"
}

# ---- servers ---------------------------------------------------------------

# end NAME...: the processes whose ids are in these variables; gives the status
# of the last one.
end() {
	local name pid r=0
	for name; do
		pid=${!name}
		printf -v "$name" ''
		[[ -n $pid ]] || continue
		kill -TERM "$pid" 2>/dev/null || :
		r=0
		wait "$pid" || r=$?
	done
	return "$r"
}

# A second Ctrl-C does not leave half of it behind.
finish() {
	local r=$?
	trap - EXIT
	trap '' INT TERM HUP
	end LOOKER READER WORKER || :
	if [[ -n $DIR ]]; then
		own_stop "$DIR" remove
		rm -rf -- "$DIR"
	fi
	exit "$r"
}

start_servers() {
	DIR=$(mktemp -d /tmp/galore-bench.XXXXXX)
	chmod 0755 "$DIR"
	own_start "$DIR" kafka
	own_start "$DIR" postgres
	own_wait "$DIR" kafka || die "there is no Kafka to measure with"
	own_wait "$DIR" postgres || die "there is no Postgres to measure with"
	BASE_URL=$DATABASE_URL
	# The superuser comes by the same socket.
	ADMIN_URL=${BASE_URL/galore@/postgres@}
	ADMIN_URL=${ADMIN_URL/\/galore\?/\/postgres\?}
	POSTMASTER=$(<"$DIR/postgres/postgres.pid")
	BROKER=$(<"$DIR/kafka/kafka.pid")
}

sql() {
	psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -d "$@"
}

# fresh NAME: a database with its tables, and stock that covers every order.
fresh() {
	sql "$ADMIN_URL" -c "CREATE DATABASE $1 OWNER galore" ||
		die "database '$1' cannot be made"
	export DATABASE_URL=${BASE_URL/\/galore\?/\/$1?}
	quietly "the tables cannot be made" \
		"$BIN/overlord" migrate up --execute --who bench
	quietly "database '$1' cannot be filled" \
		sql "$DATABASE_URL" -v n="$N" -f infra/bench/stock.sql
	quietly "Postgres makes no checkpoint" sql "$ADMIN_URL" -c CHECKPOINT
}

drop() {
	sql "$ADMIN_URL" -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)"
}

# check FACTS UNPUBLISHED: is the database as it should be? See check.sql.
check() {
	local wrong
	wrong=$(sql "$DATABASE_URL" -v n="$N" -v facts="$1" \
		-v unpublished="$2" -f infra/bench/check.sql) || return 1
	[[ -z $wrong ]] || say "$wrong"
	[[ -z $wrong ]]
}

# ---- numbers ---------------------------------------------------------------

# ticks PID...: user and system time, and that of children that have ended.
ticks() {
	{ printf '/proc/%s/stat\n' "$@" | xargs cat 2>/dev/null || :; } |
		awk '{ sub(/.*\) /, ""); n += $12 + $13 + $14 + $15 } END { print n }'
}

# postgres_ticks: the server and all its processes, the ended ones too. One
# that ends while it is looked for is counted by the next look.
postgres_ticks() {
	local children=/proc/$POSTMASTER/task/$POSTMASTER/children
	local all before='' now
	now=$(<"$children")
	until [[ $now == "$before" ]]; do
		before=$now
		# shellcheck disable=SC2086 # it is a list
		all=$(ticks "$POSTMASTER" $before)
		now=$(<"$children")
	done
	echo "$all"
}

# note NAME NUMBER: of this round; the numbers of a void round are dropped.
note() {
	echo "$1 $2" >>"$DIR/round"
}

# note_cpu NAME TICKS: as us an order.
note_cpu() {
	note "$1" "$(awk -v t="$2" -v hz="$(getconf CLK_TCK)" -v n="$N" \
		'BEGIN { printf "%.3f", t / hz * 1e6 / n }')"
}

# ---- the floor and the drain -----------------------------------------------

# floor ROUND: false when it did not leave what a drain leaves.
floor() {
	local own postgres rate
	fresh "floor_$1"
	postgres=$(postgres_ticks)
	own=$(ticks $$)
	rate=$(sql "$DATABASE_URL" -f "$DIR/floor.sql") || return 1
	note floor_per_second "$rate"
	note_cpu floor_us_per_order $(($(ticks $$) - own))
	note_cpu floor_postgres_us_per_order $(($(postgres_ticks) - postgres))
	check NULL NULL
}

# look: prints, 20 times a second, the time, how many orders are decided, and
# published; until all are. In a process of its own.
look() {
	local line='' end=$((SECONDS + DRAIN_DEADLINE_S))
	coproc SQL { sql "$DATABASE_URL"; }
	until [[ ${line##* } -ge $N ]]; do
		[[ $SECONDS -lt $end ]] ||
			die "within $DRAIN_DEADLINE_S s not all was published: '$line' of $N"
		echo "SELECT extract(epoch FROM clock_timestamp()), sum(next_offset), sum(emitted_offset)
			FROM galore.positions WHERE service = 'chillybin' AND topic = 'orders';" >&"${SQL[1]}"
		read -r line <&"${SQL[0]}" || return 1
		echo "$line"
		sleep 0.05
	done
}

# rate: orders a second over the middle, by looks on stdin; false when it took
# less than 200 ms, which says more of the looks than of the drain.
rate() {
	awk -v n="$N" '
		$2 >= n / 10 && !from { from = $1; from_n = $2 }
		$2 > to_n && to_n < n / 10 * 9 { to = $1; to_n = $2 }
		END {
			if (to - from < 0.2)
				exit 1
			printf "%.0f", (to_n - from_n) / (to - from)
		}'
}

# wait_ready: prints after how many ms the worker was ready. In a process of its
# own.
wait_ready() {
	local start=${EPOCHREALTIME/[.,]/}
	within "$READY_DEADLINE_MS" 0.005 port_ready "$DIR/probe" || die "chillybin was never ready"
	echo $(((${EPOCHREALTIME/[.,]/} - start) / 1000))
}

# facts: how many are on picks: the lag of jafflr, which has not begun. That it
# does not run is a check that fails, so status ends with 1.
facts() {
	{ "$BIN/overlord" status --json 2>/dev/null || :; } | tr -d '\n' |
		tr '}' '\n' | sed -n '/"picks"/s/.*"lag": *\([0-9]*\).*/\1/p'
}

# drain ROUND: false, with the reason, when the round is void.
drain() {
	local postgres broker ended='' r=0
	export TOPIC_SUFFIX=.bench$1
	quietly "the topics cannot be made" \
		"$BIN/overlord" topics apply --execute
	# The same orders each time.
	ORDERS=$N SEED=$SEED LINGER_MS=50 quietly "the orders cannot be sent" \
		"$BIN/stampede"
	fresh "drain_$1"
	postgres=$(postgres_ticks)
	broker=$(ticks "$BROKER")
	rm -f "$DIR/probe"
	PROBE_PORT_FILE=$DIR/probe "$BIN/chillybin" >"$DIR/worker.log" 2>&1 &
	WORKER=$!
	wait_ready >"$DIR/ready" &
	READER=$!
	look >"$DIR/looks" &
	LOOKER=$!
	wait -n -p ended "$LOOKER" "$WORKER" || r=$?
	if [[ $ended == "$WORKER" || $r -ne 0 ]]; then
		say "the drain ended in the middle, with status $r"
		tail -n 3 "$DIR/worker.log" >&2
		end LOOKER READER WORKER || :
		return 1
	fi
	LOOKER=
	note_cpu worker_us_per_order "$(ticks "$WORKER")"
	note_cpu postgres_us_per_order $(($(postgres_ticks) - postgres))
	note_cpu broker_us_per_order $(($(ticks "$BROKER") - broker))
	note resident_max_kb "$(awk '/^VmHWM/ { print $2 }' "/proc/$WORKER/status")"
	wait "$READER" || r=1
	READER=
	note ready_ms "$(<"$DIR/ready")"
	end WORKER || {
		say "chillybin did not end well"
		r=1
	}
	rate <"$DIR/looks" >"$DIR/rate" || {
		say "the middle is too short, N is too small"
		r=1
	}
	note drain_per_second "$(<"$DIR/rate")"
	[[ $r -eq 0 ]] && check "$(facts)" 0
}

# ---- the whole -------------------------------------------------------------

# round N: the floor, then the drain; false when it is void.
round() {
	local system r
	: >"$DIR/round"
	for system in floor drain; do
		r=0
		"$system" "$1" || r=1
		drop "${system}_$1"
		[[ $r -eq 0 ]] || return 1
	done
	awk '{ print; v[$1] = $2 }
		END { printf "ratio %.3f\n", v["drain_per_second"] / v["floor_per_second"] }' \
		"$DIR/round" >>"$DIR/numbers"
	say "round $1: $(tail -n 1 "$DIR/numbers") $(grep per_second "$DIR/round" | tr '\n' ' ')"
}

run_drain() {
	local round void=0
	# The first drain is a warm-up, and makes the rows that the floor writes.
	drain 0 || die "the warm-up is void"
	quietly "the floor cannot be made" sql "$DATABASE_URL" -v dir="$DIR" \
		-v batch="$FLOOR_BATCH" -f infra/bench/floor.sql
	drop drain_0
	for ((round = 1; round <= ROUNDS; round++)); do
		round "$round" && continue
		say "round $round is void"
		void=$((void + 1))
	done
	[[ $void -lt $ROUNDS ]] || die "every round is void"
	mkdir -p -- "$OUT"
	awk -f infra/bench/report.awk -v json="$OUT/drain.json" -v n="$N" \
		-v rounds="$ROUNDS" -v void="$void" -v batch="$FLOOR_BATCH" \
		-v cpus="$(nproc)" -v version="$("$BIN/chillybin" --version)" \
		"$DIR/numbers"
	say "the numbers are in '$OUT/drain.json'"
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
[[ $# -eq 1 && $1 == drain ]] || {
	printf 'usage: bench.sh drain\n' >&2
	exit 2
}
check_settings
start_servers
run_drain
