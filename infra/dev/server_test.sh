#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Tests of the private Kafka and the private Postgres: what happens when files
# lie, processes die and folders are not what they were. The folders have a
# space in their names. server_test.sh [SENTENCE]...: those only, or all.
set -euo pipefail
# shellcheck source=infra/dev/shell_test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/shell_test.sh"

KAFKA_SH=$ROOT/infra/kafka/kafka.sh
POSTGRES_SH=$ROOT/infra/postgres/postgres.sh
K="$SCRATCH/a kafka"
P="$SCRATCH/a postgres"

kafka() {
	"$KAFKA_SH" "$1" "$K" "${@:2}"
}

postgres() {
	"$POSTGRES_SH" "$1" "$P" "${@:2}"
}

# ask SQL prints the answer, through the address that clients get.
ask() {
	read_word "$P/postgres.env"
	psql -X -A -t -d "${REPLY#DATABASE_URL=}" -c "$1"
}

# stranger prints a process that is not ours.
stranger() {
	STRANGER="$SCRATCH" sleep 600 >/dev/null 2>&1 &
	printf '%s' $!
}

someone_sleeps() {
	[[ $(ask "SELECT count(*) FROM pg_stat_activity
		WHERE wait_event = 'PgSleep'") == 1 ]]
}

# a_cache_of_our_own sets SOURCE, the jars that are there already, and CACHED, a
# copy in a cache that may be damaged. In place of Maven there is a program that
# gives the jars of $FROM, or has no end: no test has to go to the network twice.
a_cache_of_our_own() {
	local cache="$SCRATCH/cache/toasties-galore"
	said kafka fetch
	SOURCE=$(sed -n "s/^kafka: .* is in '\(.*\)'\$/\1/p" "$SCRATCH/said")
	CACHED=$cache/${SOURCE##*/}
	rm -rf "$cache"
	mkdir -p "$cache" "$SCRATCH/bin"
	cp -r "$SOURCE" "$CACHED"
	cat >"$SCRATCH/bin/mvn" <<-'MVN'
	#!/bin/sh
	[ "$FROM" != nowhere ] || exec sleep 600
	for word; do
		case $word in
		-DoutputDirectory=*) exec cp "$FROM"/* "${word#*=}" ;;
		esac
	done
	MVN
	chmod +x "$SCRATCH/bin/mvn"
}

maven_runs() {
	compgen -G "$CACHED.new.*/mvn.log" >/dev/null
}

# fetch_from DIR: into the cache of our own.
fetch_from() {
	said env FROM="$1" PATH="$SCRATCH/bin:$PATH" \
		XDG_CACHE_HOME="$SCRATCH/cache" "$KAFKA_SH" fetch
}

tidy() {
	said kafka remove || :
	said postgres remove || :
}

# ---- the tests -------------------------------------------------------------

keeps_its_address() {
	local first
	said "$1" start
	first=$("$1" status)
	read_word "$SCRATCH/a $1/$1.env"
	expect test "${REPLY#*=}" = "$first"
	said "$1" stop
	refused "$1" status
	said "$1" start
	expect test "$("$1" status)" = "$first"
	said "$1" remove
	nobody_is_left
	expect test ! -e "$SCRATCH/a $1"
}

has_a_strangers_number() {
	local pid
	pid=$(stranger)
	said "$1" start
	said "$1" stop
	printf '%s\n' "$pid" >"$SCRATCH/a $1/$1.pid"
	said "$1" stop
	expect proc_alive "$pid"
	kill "$pid"
	said "$1" remove
}

is_for_a_process_that_has_gone() {
	local pid
	pid=$(stranger)
	killed "$pid"
	refused "$1" start --watch-pid "$pid"
	expect_said "to be watched, is not there"
	nobody_is_left
	expect test ! -e "$SCRATCH/a $1/$1.lock"
	said "$1" remove
}

postgres_keeps_its_data_from_start_to_start_and_after_a_kill() {
	said postgres start
	ask 'CREATE TABLE kept AS SELECT 42 AS n' >/dev/null
	ask 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
	wait_until someone_sleeps
	killed "$(first_word "$P/postgres.pid")"
	said postgres start
	expect test "$(ask 'SELECT n FROM kept')" = 42
	said postgres stop
	said postgres start
	expect test "$(ask 'SELECT n FROM kept')" = 42
	said postgres remove
}

kafka_takes_another_port_when_its_own_is_taken() {
	local ports
	said kafka start
	said kafka stop
	said postgres start
	ports=$(first_word "$P/postgres.ports")
	printf '%s %s\n' "$ports" "$ports" >"$K/kafka.ports"
	said kafka start
	expect_said "port $ports is taken by another program, using"
	said kafka remove
	said postgres remove
}

a_server_ends_with_the_process_that_it_watches() {
	local pid
	pid=$(stranger)
	said kafka start --watch-pid "$pid"
	said postgres start --test --watch-pid "$pid"
	kill -KILL "$pid"
	nobody_is_left
	expect test ! -e "$K/kafka.env"
	expect test ! -e "$P/postgres.env"
	tidy
}

of_two_starts_at_once_one_is_refused() {
	local first second r=0
	kafka start >"$SCRATCH/first" 2>&1 &
	first=$!
	kafka start >"$SCRATCH/second" 2>&1 &
	second=$!
	wait "$first" || r=$((r + 1))
	wait "$second" || r=$((r + 1))
	expect test "$r" = 1
	expect grep -q "runs already" "$SCRATCH/first" "$SCRATCH/second"
	said kafka remove
}

a_kafka_that_was_killed_starts_again() {
	said kafka start
	killed "$(first_word "$K/kafka.pid")"
	said kafka start
	said kafka status
	said kafka remove
}

# refuses SERVER FILE TEXT MESSAGE: a folder with that file, which it leaves.
refuses() {
	local file="$SCRATCH/a $1/$2"
	mkdir -p "${file%/*}"
	printf '%s\n' "$3" >"$file"
	refused "$1" start
	expect_said "$4"
	expect_said "HINT:"
	expect test "$(cat "$file")" = "$3"
	rm -rf "$SCRATCH/a $1"
}

a_jar_that_was_changed_is_not_used() {
	local jar
	a_cache_of_our_own
	jar=$(find "$CACHED" -name 'kafka-clients-*.jar')
	printf 'x' >>"$jar"
	fetch_from "$SOURCE"
	expect_said "the cache is damaged"
	expect_said "kafka-clients-"
	: >"$CACHED/stranger.jar"
	fetch_from "$SOURCE"
	expect_said "stranger.jar' is not on the list"
	expect test ! -e "$CACHED/stranger.jar"
}

a_source_that_gives_other_jars_or_none_is_refused() {
	local jar
	a_cache_of_our_own
	rm -rf "$CACHED"
	cp -r "$SOURCE" "$SCRATCH/tampered"
	jar=$(find "$SCRATCH/tampered" -name 'kafka-clients-*.jar')
	printf 'x' >>"$jar"
	refused fetch_from "$SCRATCH/tampered"
	expect_said "not what was asked for"
	expect_said "HINT: the source may be tampered with"
	expect test ! -e "$CACHED"
	refused fetch_from "$SCRATCH/gone"
	expect_said "cannot be fetched"
	expect_said "No such file"
	expect_said "HINT: is there a way to Maven Central"
	expect test -z "$(find "${CACHED%/*}" -name '*.new.*')"
	fetch_from "$SOURCE"
}

a_fetch_that_is_interrupted_leaves_nothing() {
	local pid
	a_cache_of_our_own
	rm -rf "$CACHED"
	env FROM=nowhere PATH="$SCRATCH/bin:$PATH" \
		XDG_CACHE_HOME="$SCRATCH/cache" "$KAFKA_SH" start "$K" \
		>"$SCRATCH/said" 2>&1 &
	pid=$!
	wait_until maven_runs
	kill -TERM "$pid"
	expect wait_gone "$pid" "$DEADLINE_MS"
	nobody_is_left
	expect test -z "$(find "${CACHED%/*}" -name '*.new.*')"
}

a_server_is_watched_while_it_starts() {
	local pid starter
	pid=$(stranger)
	"$KAFKA_SH" start "$K" --watch-pid "$pid" >"$SCRATCH/said" 2>&1 &
	starter=$!
	wait_until test -s "$K/watch.pid"
	killed "$starter"
	kill -KILL "$pid"
	nobody_is_left
	said kafka start --watch-pid "$$"
	said kafka remove
}

postgres_asks_for_a_password_over_tcp_and_is_safe_from_a_power_cut() {
	local url
	said postgres start
	url=$(sed -n 's/^DATABASE_URL_TCP=//p' "$P/postgres.env")
	expect test "$(psql -X -A -t -d "$url" -c 'SELECT current_user')" = galore
	refused psql -X -w -d "${url%%\?*}?passfile=/dev/null" -c 'SELECT 1'
	expect test "$(stat -c %a "$P/postgres.pgpass")" = 600
	expect test "$(ask 'SHOW fsync')" = on
	said postgres stop
	said postgres start --test
	expect test "$(ask 'SHOW fsync')" = off
	expect test "$(ask 'SHOW max_connections')" = 200
	said postgres remove
}

# ---- all of them -----------------------------------------------------------

run_tests "$@" <<'TESTS'
kafka_keeps_its_address_from_start_to_start	keeps_its_address kafka
postgres_keeps_its_address_from_start_to_start	keeps_its_address postgres
postgres_keeps_its_data_from_start_to_start_and_after_a_kill
a_kafka_that_was_killed_starts_again
kafka_takes_another_port_when_its_own_is_taken
a_server_ends_with_the_process_that_it_watches
a_server_is_watched_while_it_starts
a_pid_file_of_kafka_with_a_strangers_number_harms_nobody	has_a_strangers_number kafka
a_pid_file_of_postgres_with_a_strangers_number_harms_nobody	has_a_strangers_number postgres
a_kafka_for_a_process_that_has_gone_does_not_start	is_for_a_process_that_has_gone kafka
a_postgres_for_a_process_that_has_gone_does_not_start	is_for_a_process_that_has_gone postgres
of_two_starts_at_once_one_is_refused
data_of_a_newer_kafka_are_refused	refuses kafka kafka.version 99.0.0 "written by Kafka 99.0.0"
data_that_are_no_cluster_are_refused	refuses postgres data/diary "dear diary" "not empty"
a_cluster_of_another_major_version_is_refused	refuses postgres data/PG_VERSION 13 "made by PostgreSQL 13"
a_jar_that_was_changed_is_not_used
a_source_that_gives_other_jars_or_none_is_refused
a_fetch_that_is_interrupted_leaves_nothing
postgres_asks_for_a_password_over_tcp_and_is_safe_from_a_power_cut
TESTS
