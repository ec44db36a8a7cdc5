/* SPDX-License-Identifier: MIT */
/*
 * Switch: on a real database. Each verb shows what it does, does it in one
 * transaction with its audit, and refuses what cannot be; who hangs in the way
 * is ended and named, who works there is waited for and named.
 */
#include <jansson.h>
#include <pthread.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/lib/postgres/pg.h"
#include "infra/overlord/database_fixture.h"
#include "schemas/topics.h"

#define DO " --execute --no-wait"

#define WORKER(service, colour, ready, reason)                                 \
	"INSERT INTO control.heartbeats (holder, service, colour, version, "   \
	"schema, started_at, at, ready, reason) VALUES ('" service "-" colour  \
	"', '" service "', '" colour "', '1', 'galore', now(), "               \
	"now(), " ready ", " reason "); "

/* The brokers have every topic, and nothing on it. */
static void make_servers(void)
{
	make_database();
	mock_start("first", 1);
	for (size_t i = 0; i < N_TOPICS; i++)
		ck_assert_int_eq(
			rd_kafka_mock_topic_create(mock, topic_table[i].name,
						   TOPIC_PARTITIONS, 1),
			0);
	set_env("KAFKA_BROKERS", mock_brokers());
}

/* A worker of each colour lives and is ready. */
static void begin(void)
{
	empty_database();
	execute_sql(WORKER("chillybin", "blue", "true", "NULL")
			    WORKER("chillybin", "green", "true", "NULL")
				    WORKER("chillybin", "red", "true", "NULL"));
}

#define CHECK_LANES(n, where)                                                  \
	CHECK_COUNT(n, "control.lanes WHERE service = 'chillybin' "            \
		       "AND ended_at IS NULL AND " where)
#define CHECK_CHANGES(n) CHECK_COUNT(n, "control.switches")

/* ---- promote, rollback, abort ---- */

START_TEST(promote_shows_a_step_a_lane_and_changes_nothing_until_execute)
	{
		CHECK_RUN("promote chillybin green", DONE,
			  "stable blue green NOT_ATTEMPTED");
		CHECK_SAID("stable orders           3 blue green    0       0");
		CHECK_LANES(1, "colour = 'blue'");
		CHECK_RUN("promote chillybin green" DO, DONE,
			  "stable blue green CONFIRMED");
		CHECK_LANES(1, "colour = 'green'");
		CHECK_COUNT(36, "positions WHERE service = 'chillybin' AND "
				"colour = 'green' AND epoch > 0");
		CHECK_COUNT(1, "control.audit WHERE verb = 'promote' AND who = "
			       "'tester' AND what->>'service' = 'chillybin' "
			       "AND before->>'stable' = 'blue' AND "
			       "after->'shares'->>'green' = '4096'");
		CHECK_COUNT(1, "control.switches s JOIN control.audit a "
			       "USING (id) WHERE jsonb_array_length(moved) = "
			       "36 AND moved->0->>'from' = 'blue' AND "
			       "moved->0->>'to' = 'green'");
		CHECK_RUN("promote chillybin green" DO, DONE, "nothing to do");
		CHECK_CHANGES(1);
	}
END_TEST

START_TEST(a_saved_plan_is_applied_unless_the_lanes_have_changed)
	{
		char path[] = "/tmp/switch-test.XXXXXX", line[96];
		int fd = mkstemp(path);

		ck_assert_int_ge(fd, 0);
		(void)close(fd);
		(void)snprintf(line, sizeof(line),
			       "promote chillybin green --no-wait --plan %s",
			       path);
		CHECK_RUN(line, DONE, "NOT_ATTEMPTED");
		/* Records that are decided meanwhile change nothing of it. */
		execute_sql("UPDATE positions SET next_offset = 7");
		(void)snprintf(line, sizeof(line), "apply %s --execute", path);
		CHECK_RUN(line, DONE, "stable blue green CONFIRMED");
		CHECK_COUNT(1, "control.audit WHERE verb = 'promote' AND "
			       "what->'plan' IS NOT NULL AND token IS NOT "
			       "NULL");
		CHECK_RUN(line, FAILED, "stale");
		CHECK_CHANGES(1);
		(void)unlink(path);
	}
END_TEST

START_TEST(without_kafka_a_plan_goes_without_what_waits)
	{
		set_env("KAFKA_BROKERS", "127.0.0.1:1");
		set_env("OVERLORD_TIMEOUT_MS", "500");
		CHECK_RUN("promote chillybin green", DONE,
			  "how many records wait is not known: no answer from "
			  "Kafka");
		CHECK_SAID("stable orders           3 blue green    0 \n");
	}
END_TEST

START_TEST(rollback_takes_the_last_step_back_and_no_more)
	{
		CHECK_RUN("rollback chillybin" DO, FAILED,
			  "was never promoted");
		CHECK_RUN("promote chillybin green" DO, DONE, "CONFIRMED");
		CHECK_RUN("promote chillybin red" DO, DONE, "CONFIRMED");
		/* Nobody need live. */
		execute_sql("TRUNCATE control.heartbeats");
		CHECK_RUN("rollback chillybin --execute", DONE,
			  "stable red green CONFIRMED");
		CHECK_SAID("no worker of 'green' lives");
		CHECK_RUN("rollback chillybin" DO, DONE, "nothing to do");
		CHECK_LANES(1, "colour = 'green'");
		CHECK_CHANGES(3);
	}
END_TEST

START_TEST(during_a_canary_rollback_and_abort_go_to_the_colour_of_stable)
	{
		const char *line =
			_i ? "rollback chillybin" DO : "abort chillybin" DO;

		CHECK_RUN("promote chillybin red" DO, DONE, "CONFIRMED");
		CHECK_RUN("canary chillybin green --percent 10" DO, DONE,
			  "CONFIRMED");
		CHECK_LANES(2, "true");
		CHECK_RUN(line, DONE, "green red  CONFIRMED");
		CHECK_LANES(2, "colour = 'red'");
		CHECK_RUN(line, DONE, "nothing to do");
	}
END_TEST

/* ---- canary ---- */

#define CANARY "canary chillybin green --percent "

START_TEST(canary_splits_widens_and_narrows_to_the_share)
	{
		CHECK_RUN(CANARY "10", DONE,
			  "buckets 0 to 409 of stable blue green "
			  "NOT_ATTEMPTED");
		CHECK_SAID("buckets 0 to 409 of stable orders");
		CHECK_LANES(1, "true");
		CHECK_RUN(CANARY "10" DO, DONE, "CONFIRMED");
		CHECK_LANES(1, "kind = 'buckets' AND colour = 'green' AND "
			       "bucket_from = 0 AND bucket_to = 410");
		CHECK_RUN("lanes --service chillybin", DONE, "10.01 % green");
		CHECK_RUN(CANARY "20" DO, DONE, "buckets 410 to 818 of stable");
		CHECK_RUN(CANARY "5" DO, DONE, "green blue CONFIRMED");
		CHECK_SAID("buckets 205 to 409 of buckets-");
		CHECK_LANES(2, "kind = 'buckets' AND colour = 'blue'");
		CHECK_RUN(CANARY "5" DO, DONE, "nothing to do");
		CHECK_CHANGES(3);
		CHECK_COUNT(1, "control.audit WHERE what->>'percent' = '5' AND "
			       "after->'shares'->>'green' = '205'");
	}
END_TEST

START_TEST(canary_gives_customers_and_stalls_by_name)
	{
		CHECK_RUN(CANARY "50" DO, DONE, "CONFIRMED");
		CHECK_RUN("canary chillybin red --customers kim,lee" DO, DONE,
			  "customers kim");
		CHECK_LANES(2, "colour = 'red' AND kind = 'customers'");
		CHECK_RUN("canary chillybin red --stalls pier" DO, DONE,
			  "stalls pier of stable      blue  red");
		CHECK_LANES(2, "colour = 'red' AND names = '{pier}'");
		CHECK_RUN("canary chillybin red --stalls pier" DO, DONE,
			  "nothing to do");
		CHECK_RUN("lanes", DONE, "stalls pier");
	}
END_TEST

START_TEST(a_lane_too_many_is_refused_before_anything_is_done)
	{
		execute_sql(
			"INSERT INTO control.lanes (service, lane, parent, "
			"kind, bucket_from, bucket_to, colour) SELECT "
			"'chillybin', 'l' || n, 'stable', 'buckets', n, n + 1, "
			"'blue' FROM generate_series(1, 60) n");
		CHECK_RUN("canary chillybin green --stalls pier" DO, FAILED,
			  "at most 62 are possible");
		CHECK_SAID("overlord merge ends lanes");
		CHECK_LANES(0, "colour = 'green'");
	}
END_TEST

/* ---- refusals ---- */

static const struct {
	const char *line;
	int status;
	const char *said;
} refused[] = {
	{ "promote chilly green", FAILED, "there is no service 'chilly'" },
	{ "promote chilly green --execute", FAILED,
	  "there is no service 'chilly'" },
	{ "promote chillybin gren", FAILED,
	  "no worker of 'gren' that is ready; workers that live: 'blue' (1, 1 "
	  "ready), 'green'" },
	{ "canary chillybin gren --percent 5", FAILED, "--force does it" },
	{ "promote chillybin Green", USED_WRONGLY, "is no name" },
	{ "canary chillybin blue --percent 5", FAILED,
	  "'blue' has lane stable of chillybin" },
	{ "canary chillybin green", USED_WRONGLY, "wants one of --percent" },
	{ "canary chillybin green --percent 5 --stalls a", USED_WRONGLY,
	  "wants one of --percent" },
	{ "canary chillybin green --percent 100", USED_WRONGLY,
	  "is no number above 0 and below 100" },
	{ "canary chillybin green --customers kim,,lee", USED_WRONGLY,
	  "no names with commas" },
	{ "release chillybin", FAILED, "chillybin is not held" },
	{ "lanes --service chilly", FAILED, "there is no service 'chilly'" },
	{ "rollback", USED_WRONGLY, "argument 'SERVICE' is missing" },
};

START_TEST(what_cannot_be_is_refused)
	{
		CHECK_RUN(refused[_i].line, refused[_i].status,
			  refused[_i].said);
		CHECK_CHANGES(0);
	}
END_TEST

START_TEST(a_colour_that_is_not_ready_gets_lanes_by_force_only)
	{
		execute_sql("UPDATE control.heartbeats SET ready = false, "
			    "reason = 'no database' WHERE colour = 'green'");
		CHECK_RUN("promote chillybin green" DO, FAILED,
			  "'green' (1, 0 ready)");
		CHECK_RUN("promote chillybin green --force" DO, DONE,
			  "CONFIRMED");
		CHECK_LANES(1, "colour = 'green'");
	}
END_TEST

/* As after each change of its lanes. */
START_TEST(a_worker_that_is_not_ready_for_a_moment_is_waited_for)
	{
		pid_t child;

		execute_sql("UPDATE control.heartbeats SET ready = false, "
			    "reason = 'takes over' WHERE colour = 'green'");
		child = overlord_in_a_child("promote chillybin green" DO);
		CHECK_WITHIN(DEADLINE_MS,
			     NUMBER("SELECT count(*) FROM pg_stat_activity "
				    "WHERE query LIKE '%heartbeats%' AND "
				    "application_name LIKE 'overlord%'"),
			     (void)0);
		execute_sql("UPDATE control.heartbeats SET ready = true, "
			    "reason = NULL");
		ck_assert_int_eq(status_of(child), DONE);
		CHECK_LANES(1, "colour = 'green'");
	}
END_TEST

/* ---- merge ---- */

START_TEST(merge_ends_lanes_that_are_level_and_says_why_others_stay)
	{
		CHECK_RUN(CANARY "10" DO, DONE, "CONFIRMED");
		CHECK_RUN("canary chillybin red --stalls pier" DO, DONE,
			  "CONFIRMED");
		CHECK_RUN("merge chillybin" DO, USED_WRONGLY, "--no-wait");
		CHECK_RUN("merge chillybin --execute", DONE,
			  "it is 'green', and 'stable' is 'blue'");
		CHECK_LANES(4, "true");
		CHECK_RUN("abort chillybin" DO, DONE, "CONFIRMED");
		execute_sql("UPDATE positions SET next_offset = 7 WHERE "
			    "lane LIKE 'buckets%' AND topic = 'orders' AND "
			    "partition = 3");
		CHECK_RUN("merge chillybin", DONE, "stable");
		CHECK_SAID("it is not level with 'stable', 0 records behind "
			   "it and 7 before it");
		CHECK_RUN("merge chillybin --execute", DONE, "ended");
		CHECK_RUN("history", DONE, "lanes ended");
		execute_sql("UPDATE positions SET next_offset = 0");
		CHECK_RUN("merge chillybin --execute", DONE, "CONFIRMED");
		CHECK_LANES(1, "true");
		CHECK_RUN("merge chillybin --execute", DONE, "nothing to do");
	}
END_TEST

/* ---- hold ---- */

static const char *const while_held[] = {
	"promote chillybin green", "canary chillybin green --percent 5",
	"rollback chillybin",      "abort chillybin",
	"merge chillybin",         "hold chillybin",
};

START_TEST(what_a_person_holds_is_worked_by_nobody_and_not_switched)
	{
		char line[128];

		CHECK_RUN(CANARY "10" DO, DONE, "CONFIRMED");
		CHECK_RUN("hold chillybin --why stock~is~counted", DONE,
			  "NOT_ATTEMPTED");
		CHECK_RUN("hold chillybin --why stock~is~counted --execute",
			  DONE, "blue  (held) CONFIRMED");
		CHECK_LANES(2, "colour = '(held)'");
		CHECK_COUNT(0, "positions WHERE service = 'chillybin' AND "
			       "colour IN ('blue', 'green')");
		(void)snprintf(line, sizeof(line), "%s --execute",
			       while_held[_i]);
		CHECK_RUN(line, FAILED,
			  "chillybin is held by 'tester' since 2");
		CHECK_SAID("stock is counted");
		CHECK_RUN("release chillybin" DO, DONE, "(held) green");
		CHECK_LANES(1, "colour = 'green' AND kind = 'buckets'");
		CHECK_LANES(1, "colour = 'blue' AND kind = 'rest'");
		CHECK_COUNT(0, "control.holds");
	}
END_TEST

/* ---- who is in the way ---- */

static const char *const hangs[] = {
	"BEGIN; SELECT FROM positions FOR UPDATE",
	"BEGIN; SELECT FROM positions FOR UPDATE; "
	"COPY dead_letters FROM STDIN (FORMAT binary)",
	"BEGIN; SELECT FROM control.lanes FOR UPDATE",
};

START_TEST(who_hangs_in_the_way_is_ended_and_named_within_a_second)
	{
		struct pg *hung = postgres_connect(url, "galore");
		int64_t began_ms;

		if (_i == 1)
			ck_assert(!pg_copy_begin(hung, hangs[_i],
						 POSTGRES_TIMEOUT_MS));
		else
			postgres_exec(hung, hangs[_i]);
		began_ms = clock_now_ms();
		CHECK_RUN("promote chillybin green" DO, DONE,
			  "had locks in the way and waited for its client: it "
			  "has been ended");
		CHECK_SAID("'test' (session ");
		ck_assert_int_lt(clock_now_ms() - began_ms, 1000);
		CHECK_LANES(1, "colour = 'green'");
		CHECK_COUNT(1, "control.switches WHERE "
			       "ended->0->>'name' = 'test'");
		CHECK_RUN("history", DONE, "test");
		ck_assert_int_ne(pg_exec(hung, "SELECT 1", POSTGRES_TIMEOUT_MS),
				 0);
		(void)pg_free(hung);
	}
END_TEST

static void *wait_behind(void *arg)
{
	(void)pg_exec(arg,
		      "BEGIN; SELECT FROM positions WHERE partition = 0 "
		      "FOR UPDATE; SELECT FROM positions WHERE partition = 11 "
		      "FOR UPDATE; COMMIT",
		      POSTGRES_TIMEOUT_MS);
	return NULL;
}

/* What is waited for waits itself, and does nothing against it. */
START_TEST(who_hangs_behind_one_that_waits_is_ended_and_that_one_is_not)
	{
		struct pg *hung = postgres_connect(url, "galore");
		struct pg *waiting = postgres_connect(url, "galore");
		pthread_t thread;

		postgres_exec(hung, "BEGIN; SELECT FROM positions WHERE "
				    "partition = 11 FOR UPDATE");
		ck_assert_int_eq(
			pthread_create(&thread, NULL, wait_behind, waiting), 0);
		CHECK_WITHIN(DEADLINE_MS,
			     NUMBER("SELECT count(*) FROM pg_stat_activity "
				    "WHERE wait_event_type = 'Lock'"),
			     (void)0);
		CHECK_RUN("promote chillybin green" DO, DONE,
			  "it has been ended");
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		ck_assert(!pg_lost(waiting));
		CHECK_COUNT(1, "control.switches WHERE "
			       "jsonb_array_length(ended) = 1");
		(void)pg_free(hung);
		(void)pg_free(waiting);
	}
END_TEST

static void *work(void *arg)
{
	(void)pg_exec(arg,
		      "BEGIN; SELECT FROM positions FOR UPDATE; "
		      "SELECT pg_sleep(8); COMMIT",
		      POSTGRES_TIMEOUT_MS);
	return NULL;
}

START_TEST(who_works_in_the_way_is_waited_for_and_named)
	{
		struct pg *worker = postgres_connect(url, "galore");
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, work, worker),
				 0);
		CHECK_WITHIN(DEADLINE_MS,
			     NUMBER("SELECT count(*) FROM pg_stat_activity "
				    "WHERE wait_event = 'PgSleep'"),
			     (void)0);
		CHECK_RUN("promote chillybin green" DO, FAILED,
			  "could not be locked within 5 s, 'test' (session ");
		CHECK_SAID("nothing was changed");
		CHECK_LANES(1, "colour = 'blue'");
		CHECK_CHANGES(0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		(void)pg_free(worker);
	}
END_TEST

/* Both are done, one after the other, each on what the other left. */
START_TEST(of_two_switches_at_once_the_later_finds_what_the_earlier_did)
	{
		struct pg *other = postgres_connect(url, "galore");
		pid_t children[2];

		postgres_exec(other, "BEGIN; SELECT lanes_lock('chillybin')");
		children[0] = overlord_in_a_child("promote chillybin green" DO);
		children[1] = overlord_in_a_child("promote chillybin red" DO);
		CHECK_WITHIN(DEADLINE_MS,
			     NUMBER("SELECT count(*) FROM pg_stat_activity "
				    "WHERE application_name LIKE 'overlord%' "
				    "AND wait_event_type = 'Lock'") == 2,
			     postgres_exec(other, "SELECT 1"));
		postgres_exec(other, "COMMIT");
		(void)pg_free(other);
		ck_assert_int_eq(status_of(children[0]), DONE);
		ck_assert_int_eq(status_of(children[1]), DONE);
		CHECK_CHANGES(2);
		/* What the second one found is what the first one left. */
		CHECK_COUNT(1, "control.switches s JOIN control.audit a USING "
			       "(id) JOIN control.audit b ON b.id < a.id AND "
			       "a.before->>'stable' = b.what->>'colour'");
	}
END_TEST

/* ---- the wait, and the history ---- */

#define TAKE_OVER                                                              \
	"SELECT take_over('chillybin', 'green', 'chillybin-green', "           \
	"ARRAY['orders', 'restocks', 'toasties'], ARRAY[n, n, n]) "            \
	"FROM generate_series(0, 11) n; "
#define ORDER_AT(id, offset, at)                                               \
	"INSERT INTO orders (order_id, content_hash, \"offset\", decided_at, " \
	"partition, order_version, pick_version, verdict, doneness, grill, "   \
	"stall, items) VALUES ('01900000-0000-7000-8000-00000000000" id        \
	"', 0, " offset ", " at ", 3, 1, 1, 'p', 'l', true, 'main', "          \
	"'1 bread'); "

/* Green takes all lanes over and decides two orders; the last one before was
 * decided at @before. */
static void promote_under_load(const char *before)
{
	char sql[1024];
	pid_t child;

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE positions SET next_offset = 100 WHERE "
		       "topic = 'orders'; " ORDER_AT("1", "99", "%s"),
		       before);
	execute_sql(sql);
	child = overlord_in_a_child("promote chillybin green --execute");
	CHECK_WITHIN(DEADLINE_MS,
		     NUMBER("SELECT count(*) FROM control.switches"), (void)0);
	execute_sql(TAKE_OVER ORDER_AT("2", "100",
				       "clock_timestamp() + interval '70 ms'")
			    ORDER_AT("3", "101",
				     "clock_timestamp() + interval '80 "
				     "ms'") "UPDATE positions SET "
					    "next_offset = 102 "
					    "WHERE topic = 'orders' "
					    "AND partition = 3");
	ck_assert_int_eq(status_of(child), DONE);
}

START_TEST(when_nobody_ordered_before_the_pause_is_not_known)
	{
		promote_under_load("now() - interval '9 s'");
		CHECK_COUNT(1, "control.switches WHERE pause_ms IS NULL");
	}
END_TEST

START_TEST(it_waits_until_the_lanes_are_taken_over_and_measures_the_pause)
	{
		promote_under_load("now()");
		CHECK_COUNT(1, "control.switches WHERE "
			       "pause_ms BETWEEN 70 AND 5000");
		execute_sql("UPDATE positions SET next_offset = 105 "
			    "WHERE topic = 'orders' AND partition = 3");
		CHECK_RUN("canary chillybin red --percent 25" DO, DONE,
			  "CONFIRMED");
		execute_sql("UPDATE positions SET next_offset = 505 "
			    "WHERE topic = 'orders' AND partition = 3");
		CHECK_RUN("history", DONE, "stable: blue -> green");
		CHECK_SAID("green 5");
		CHECK_SAID("green about 300, red about 100");
		CHECK_RUN("history --service jafflr", DONE,
			  "nobody has switched");
		CHECK_RUN("history --limit 1 --json", DONE,
			  "\"verb\": \"canary\"");
		CHECK_NOT_SAID("promote");
	}
END_TEST

START_TEST(lanes_that_nobody_takes_over_are_said_after_five_seconds)
	{
		CHECK_RUN("promote chillybin green --execute", DONE,
			  "36 of 36 positions are not taken over yet");
		CHECK_COUNT(1, "control.switches WHERE pause_ms IS NULL");
	}
END_TEST

START_TEST(every_answer_is_json_when_it_is_asked_for)
	{
		static const char *const lines[] = {
			"promote chillybin green --json",
			"promote chillybin green --json" DO,
			"lanes --json",
			"history --json",
		};

		for (size_t i = 0; i < CHECK_N(lines); i++) {
			json_error_t error;
			json_t *json;

			CHECK_RUN(lines[i], DONE, "{");
			json = json_loads(strchr(said, '{'),
					  JSON_DISABLE_EOF_CHECK, &error);
			ck_assert_msg(json, "%s: %s", error.text, said);
			json_decref(json);
		}
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ promote_shows_a_step_a_lane_and_changes_nothing_until_execute,
		  1 },
		{ a_saved_plan_is_applied_unless_the_lanes_have_changed, 1 },
		{ without_kafka_a_plan_goes_without_what_waits, 1 },
		{ rollback_takes_the_last_step_back_and_no_more, 1 },
		{ during_a_canary_rollback_and_abort_go_to_the_colour_of_stable,
		  2 },
		{ canary_splits_widens_and_narrows_to_the_share, 1 },
		{ canary_gives_customers_and_stalls_by_name, 1 },
		{ a_lane_too_many_is_refused_before_anything_is_done, 1 },
		{ what_cannot_be_is_refused, CHECK_N(refused) },
		{ a_colour_that_is_not_ready_gets_lanes_by_force_only, 1 },
		{ a_worker_that_is_not_ready_for_a_moment_is_waited_for, 1 },
		{ merge_ends_lanes_that_are_level_and_says_why_others_stay, 1 },
		{ what_a_person_holds_is_worked_by_nobody_and_not_switched,
		  CHECK_N(while_held) },
		{ who_hangs_in_the_way_is_ended_and_named_within_a_second,
		  CHECK_N(hangs) },
		{ who_hangs_behind_one_that_waits_is_ended_and_that_one_is_not,
		  1 },
		{ who_works_in_the_way_is_waited_for_and_named, 1 },
		{ of_two_switches_at_once_the_later_finds_what_the_earlier_did,
		  1 },
		{ it_waits_until_the_lanes_are_taken_over_and_measures_the_pause,
		  1 },
		{ when_nobody_ordered_before_the_pause_is_not_known, 1 },
		{ lanes_that_nobody_takes_over_are_said_after_five_seconds, 1 },
		{ every_answer_is_json_when_it_is_asked_for, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("switch");
	TCase *tcase = check_case(suite, 60);

	tcase_add_unchecked_fixture(tcase, make_servers, mock_stop);
	tcase_add_checked_fixture(tcase, begin, NULL);
	check_add(tcase, rows);
	return postgres_run(suite);
}
