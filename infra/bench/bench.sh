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

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
TOP=$HERE/../..
cd -- "$TOP"
BIN=$(cd -- "${BIN:-build/rel/bin}" && pwd -P)
export N=${N:-200000}
ROUNDS=${ROUNDS:-3}
OUT=${OUT:-build/bench}
SEED=${SEED:-42}
FLOOR_BATCH=${FLOOR_BATCH:-1000}
READY_DEADLINE_S=30
DIR=
WORKER=

say() {
	printf 'bench: %s\n' "$*" >&2
}

die() {
	say "$1"
	shift
	[[ $# -eq 0 ]] || printf 'HINT: %s\n' "$@" >&2
	exit 1
}

# ---- servers ---------------------------------------------------------------

finish() {
	local r=$?
	trap - EXIT
	[[ -z $WORKER ]] || end_worker || :
	if [[ -n $DIR ]]; then
		infra/kafka/kafka.sh remove "$DIR/kafka" || :
		infra/postgres/postgres.sh remove "$DIR/postgres" || :
		rm -rf -- "$DIR"
	fi
	exit "$r"
}

start_servers() {
	DIR=$(mktemp -d /tmp/galore-bench.XXXXXX)
	chmod 0755 "$DIR"
	infra/kafka/kafka.sh start "$DIR/kafka" --watch-pid $$
	infra/postgres/postgres.sh start "$DIR/postgres" --watch-pid $$
	# shellcheck disable=SC1091 # it is made by the start
	. "$DIR/kafka/kafka.env"
	# shellcheck disable=SC1091
	. "$DIR/postgres/postgres.env"
	export KAFKA_BROKERS
	BASE_URL=$DATABASE_URL
	# The superuser comes by the same socket.
	ADMIN_URL=${BASE_URL/galore@/postgres@}
	ADMIN_URL=${ADMIN_URL/\/galore\?/\/postgres\?}
	POSTMASTER=$(<"$DIR/postgres/postgres.pid")
	BROKER=$(<"$DIR/kafka/kafka.pid")
}

psql_in() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

# fresh NAME: a database with its tables, and stock that covers every order.
fresh() {
	psql_in "$ADMIN_URL" "CREATE DATABASE $1 OWNER galore"
	export DATABASE_URL=${BASE_URL/\/galore\?/\/$1?}
	"$BIN/overlord" migrate up --execute --who bench >/dev/null 2>&1 ||
		die "the tables cannot be made" "overlord migrate up says why"
	psql_in "$DATABASE_URL" "
		SET search_path = galore;
		INSERT INTO stock_changes (source, event_id, ingredient, stall,
			kind, delta, topic, partition, \"offset\", decided_at)
		SELECT 'bench', i, i, 'main', 'added', 10::bigint * $N,
			'restocks', 0, 0, now()
		FROM unnest(ARRAY['bread', 'cheese', 'vegemite', 'ham',
			'tomato', 'pineapple', 'onion', 'egg']) AS i;
		INSERT INTO stock (stall, ingredient, quantity)
		SELECT stall, ingredient, delta FROM stock_changes"
	psql_in "$ADMIN_URL" CHECKPOINT
}

gone() {
	psql_in "$ADMIN_URL" "DROP DATABASE IF EXISTS $1 WITH (FORCE)"
}

# ---- what /proc tells ------------------------------------------------------

# ticks PID: user and system time, and that of children that have ended.
ticks() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 + $14 + $15 }' "/proc/$1/stat"
}

# own_ticks PID: without children.
own_ticks() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# postgres_ticks: the server and all its processes, the ended ones too. One
# that ends while it is looked for is counted by the next look.
postgres_ticks() {
	local all pid children before='' now
	children=/proc/$POSTMASTER/task/$POSTMASTER/children
	now=$(<"$children")
	until [[ $now == "$before" ]]; do
		before=$now
		all=$(ticks "$POSTMASTER")
		for pid in $before; do
			all=$((all + $(own_ticks "$pid" 2>/dev/null || echo 0)))
		done
		now=$(<"$children")
	done
	echo "$all"
}

# us_per_order TICKS
us_per_order() {
	awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v n="$N" \
		'BEGIN { printf "%.3f", t / hz * 1e6 / n }'
}

# field NAME JSON: a number of a flat object.
field() {
	sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<<"$2"
}

now_ms() {
	REPLY=${EPOCHREALTIME/[.,]/}
	REPLY=${REPLY%???}
}

# ---- the floor -------------------------------------------------------------

# floor ROUND sets FLOOR_RATE, FLOOR_CPU, FLOOR_POSTGRES.
floor() {
	local before answer
	fresh "floor_$1"
	before=$(postgres_ticks)
	answer=$(ROWS=$DIR/orders.rows BATCH=$FLOOR_BATCH "$BIN/bench" floor)
	FLOOR_POSTGRES=$(us_per_order $(($(postgres_ticks) - before)))
	FLOOR_RATE=$(field per_second "$answer")
	FLOOR_CPU=$(field cpu_us "$answer")
	gone "floor_$1"
}

# ---- the drain -------------------------------------------------------------

end_worker() {
	local pid=$WORKER
	WORKER=
	kill -TERM "$pid" 2>/dev/null || :
	wait "$pid"
}

# ready: /readyz of the worker says 200.
ready() {
	local port answer
	port=$(cat "$DIR/probe" 2>/dev/null) && [[ -n $port ]] || return 1
	answer=$(
		exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
		printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
		timeout 1 head -n 1 <&3
	) || return 1
	[[ $answer == *' 200 '* ]]
}

# start_worker sets WORKER and READY_MS.
start_worker() {
	local start
	rm -f "$DIR/probe"
	now_ms
	start=$REPLY
	PROBE_PORT_FILE=$DIR/probe "$BIN/chillybin" >"$DIR/worker.log" 2>&1 &
	WORKER=$!
	READY_MS=
	(BEGIN=$start wait_ready >"$DIR/ready") &
	READER=$!
}

# wait_ready: prints how long it took; in a process of its own.
wait_ready() {
	local end=$((BEGIN + READY_DEADLINE_S * 1000))
	until ready; do
		now_ms
		[[ $REPLY -lt $end ]] || return 1
		sleep 0.005
	done
	now_ms
	echo $((REPLY - BEGIN))
}

# prefill ROUND: topics of its own, with the same orders each time.
prefill() {
	export TOPIC_SUFFIX=.bench$1
	"$BIN/overlord" topics apply --execute >/dev/null 2>&1 ||
		die "the topics cannot be made" "overlord topics apply says why"
	ORDERS=$N SEED=$SEED LINGER_MS=50 "$BIN/stampede" >"$DIR/stampede" \
		2>/dev/null || die "the orders cannot be sent"
}

# drain ROUND sets RATE, WORKER_CPU, POSTGRES_CPU, BROKER_CPU, RSS_KB; false
# when the round is void.
drain() {
	local postgres broker answer
	prefill "$1"
	fresh "drain_$1"
	postgres=$(postgres_ticks)
	broker=$(ticks "$BROKER")
	start_worker
	answer=$("$BIN/bench" watch) || {
		tail -n 3 "$DIR/worker.log" >&2
		end_worker || :
		return 1
	}
	RATE=$(field per_second "$answer")
	WORKER_CPU=$(us_per_order "$(ticks "$WORKER")")
	RSS_KB=$(awk '/^VmHWM/ { print $2 }' "/proc/$WORKER/status")
	POSTGRES_CPU=$(us_per_order $(($(postgres_ticks) - postgres)))
	BROKER_CPU=$(us_per_order $(($(ticks "$BROKER") - broker)))
	wait "$READER" && READY_MS=$(<"$DIR/ready")
	end_worker || say "chillybin did not end well"
	"$BIN/bench" check >/dev/null
}

# ---- the whole -------------------------------------------------------------

# stats NUMBER...: median, least and most, as JSON.
stats() {
	printf '%s\n' "$@" | sort -g | awk '
		{ v[NR] = $1 }
		END {
			m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "{\"median\":%s,\"min\":%s,\"max\":%s}", m, v[1], v[NR]
		}'
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'
}

# The first drain is a warm-up, and makes the rows that the floor writes.
warm_up() {
	drain 0 || die "the warm-up is void" "the worker's log: see above"
	psql_in "$DATABASE_URL" "\\copy (SELECT $("$BIN/bench" columns) FROM galore.orders ORDER BY ctid) TO '$DIR/orders.rows' (FORMAT binary)"
	gone drain_0
}

run_drain() {
	local round rates=() floors=() ratios=() cpu=() pg=() broker=() rss=()
	local ready_ms=() floor_cpu=() floor_pg=() void=0 json
	warm_up
	for ((round = 1; round <= ROUNDS; round++)); do
		floor "$round"
		if ! drain "$round"; then
			say "round $round is void"
			void=$((void + 1))
			gone "drain_$round"
			continue
		fi
		gone "drain_$round"
		rates+=("$RATE") floors+=("$FLOOR_RATE")
		ratios+=("$(ratio "$RATE" "$FLOOR_RATE")")
		cpu+=("$WORKER_CPU") pg+=("$POSTGRES_CPU")
		broker+=("$BROKER_CPU") rss+=("$RSS_KB") ready_ms+=("$READY_MS")
		floor_cpu+=("$FLOOR_CPU") floor_pg+=("$FLOOR_POSTGRES")
		say "round $round: drain $RATE/s, floor $FLOOR_RATE/s, ratio ${ratios[-1]}"
	done
	[[ ${#rates[@]} -gt 0 ]] || die "every round is void"
	json=$(
		printf '{"bench":"drain","orders":%s,"rounds":%s,"void":%s' \
			"$N" "${#rates[@]}" "$void"
		printf ',"drain_per_second":%s' "$(stats "${rates[@]}")"
		printf ',"floor_per_second":%s' "$(stats "${floors[@]}")"
		printf ',"ratio":%s' "$(stats "${ratios[@]}")"
		printf ',"worker_us_per_order":%s' "$(stats "${cpu[@]}")"
		printf ',"postgres_us_per_order":%s' "$(stats "${pg[@]}")"
		printf ',"broker_us_per_order":%s' "$(stats "${broker[@]}")"
		printf ',"floor_us_per_order":%s' "$(stats "${floor_cpu[@]}")"
		printf ',"floor_postgres_us_per_order":%s' \
			"$(stats "${floor_pg[@]}")"
		printf ',"floor_batch":%s' "$FLOOR_BATCH"
		printf ',"resident_max_kb":%s' "$(stats "${rss[@]}")"
		printf ',"ready_ms":%s' "$(stats "${ready_ms[@]}")"
		printf ',"cpus":%s,"version":"%s"}\n' "$(nproc)" \
			"$("$BIN/chillybin" --version)"
	)
	mkdir -p -- "$OUT"
	printf '%s\n' "$json" >"$OUT/drain.json"
	print_drain "$json"
	say "the numbers are in '$OUT/drain.json'"
}

# print_drain JSON: the same for people.
print_drain() {
	printf '%s\n' "$1" | sed 's/},/}\n/g' | awk -v n="$N" '
		/median/ {
			name = $0
			sub(/":\{.*/, "", name)
			sub(/.*"/, "", name)
			split($0, v, /"median":|,"min":|,"max":|}/)
			printf "%-28s %10s  (%s to %s)\n", name, v[2], v[3], v[4]
		}'
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
case ${1:-} in
drain)
	start_servers
	run_drain
	;;
*)
	printf 'usage: bench.sh drain\n' >&2
	exit 2
	;;
esac
