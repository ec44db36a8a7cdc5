/* SPDX-License-Identifier: MIT */
/*
 * Status: on a real database and librdkafka's mock cluster, which takes a
 * second or two to start: one with every topic as it is declared is shared. It
 * ends with 1 as soon as one thing is not as it should be, and names it.
 */
#include <jansson.h>
#include <signal.h>

#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/overlord/database_fixture.h"
#include "schemas/topics.h"

/* @without: a topic that is not there. */
static void start_kafka(const char *without, int n_partitions)
{
	mock_start("first", 1);
	for (size_t i = 0; i < N_TOPICS; i++)
		ck_assert_int_eq(rd_kafka_mock_topic_create(mock,
							    topic_table[i].name,
							    n_partitions, 1),
				 0);
	if (without)
		rd_kafka_mock_topic_set_error(
			mock, without, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	set_env("KAFKA_BROKERS", mock_brokers());
}

static void make_servers(void)
{
	make_database();
	start_kafka(NULL, TOPIC_PARTITIONS);
}

/* A worker that has all partitions, and lives; a grill. */
static void begin(void)
{
	empty_database();
	execute_sql("UPDATE positions SET holder = 'me', epoch = 1; "
		    "INSERT INTO control.heartbeats (holder, service, colour, "
		    "version, schema, started_at, at, ready) VALUES ('me', "
		    "'chillybin', 'blue', '1.2.3', 'galore', now(), now(), "
		    "true); "
		    "INSERT INTO control.grills (grill, address, seen_at) "
		    "VALUES ('left', 'h:1', now()); "
		    "INSERT INTO control.plates (grill, plate) "
		    "VALUES ('left', 0), ('left', 1)");
}

#define CANARY                                                                 \
	"SELECT lane_split('chillybin', NULL, 'stable', 'buckets', 0, 410, "   \
	"NULL, 'green'); "
#define DEPLOYED(instances)                                                    \
	"INSERT INTO control.deployments (service, colour, dir, digest, "      \
	"version, instances, who) VALUES ('chillybin', 'blue', '/', 'd', "     \
	"'1.5', " #instances ", 'me'); "
#define INSTANCE(state)                                                        \
	"INSERT INTO control.instances (service, colour, slot, state, detail)" \
	" VALUES ('chillybin', 'blue', 1, '" state "', 'too hot'); "

static const struct {
	const char *sql, *said;
} good[] = {
	{ "", "it answers and has all 9 topics" },
	{ "", "yes  ready, version 1.2.3" },
	{ "", "yes  none waits" },
	{ "", "left yes  2 plates" },
	{ "UPDATE control.grills SET silent_since = now(), enabled = false",
	  "yes  disabled" },
	{ "INSERT INTO dead_letters VALUES ('chillybin', 'orders', 0, 1, "
	  "'malformed', 'no map', NULL, NULL, now() - interval '90 s')",
	  "yes  1, the newest is 00:01:30 old" },
	/* A worker that was killed once, and has left its row. */
	{ "INSERT INTO control.heartbeats SELECT 'old', service, colour, "
	  "version, schema, started_at, at - interval '1 day', false, "
	  "'it drains' FROM control.heartbeats",
	  "none waits" },
	{ "UPDATE positions SET holder = NULL, epoch = 0 "
	  "WHERE service = 'tally'",
	  "tally/stable/toasties yes  no worker has ever held it" },
	{ TOASTIE("main", "queued"),
	  "yes  1 queued (the oldest for 00:01:01), 0 on a plate, 0 parked, "
	  "0 uncertain" },
	/* Jafflr settles it when its plate is heard of again. */
	{ TOASTIE("main", "uncertain") INTENT,
	  "yes  0 queued, 0 on a plate, 1 parked, 0 uncertain" },
	{ TOASTIE("main", "grilling") INTENT,
	  "yes  0 queued, 1 on a plate, 0 parked, 0 uncertain" },
	/* Its plates are nobody's. */
	{ "UPDATE control.grills SET stalls = '{main}'; " TOASTIE("demo-1",
								  "queued"),
	  "yes  1 queued" },
	{ "UPDATE control.grills SET seen_at = NULL",
	  "left yes  2 plates, not asked yet" },
	{ "UPDATE control.grills SET enabled = false, "
	  "seen_at = now() - interval '1 h'",
	  "yes  disabled" },
	{ CANARY "UPDATE positions SET holder = 'me'",
	  "chillybin yes  a canary runs for 00:00:0" },
	/* A lane that has ended is nobody's. */
	{ CANARY "SELECT lane_move('chillybin', lane, 'blue'), "
		 "lane_merge('chillybin', "
		 "lane) FROM control.lanes WHERE kind = 'buckets'; "
		 "UPDATE positions SET holder = 'me' WHERE lane = 'stable'",
	  "yes  none waits" },
	{ DEPLOYED(1) INSTANCE("ready"), "yes  1 of 1 ready, version 1.5" },
	{ DEPLOYED(0), "yes  0 of 0 ready" },
};

START_TEST(what_is_as_it_should_be_is_0)
	{
		execute_sql(good[_i].sql);
		CHECK_RUN("status", DONE, good[_i].said);
		CHECK_NOT_SAID("not good");
	}
END_TEST

static const struct {
	const char *sql, *said;
} bad[] = {
	{ "UPDATE control.heartbeats SET at = at - interval '11 s'",
	  "12 of 12 partitions have no holder with a young heartbeat, the last "
	  "was 'me', silent for 00:00:1" },
	{ "UPDATE positions SET holder = NULL WHERE topic = 'picks' "
	  "AND partition > 9",
	  "2 of 12 partitions have no holder" },
	{ DEPLOYED(1) INSTANCE("backoff"),
	  "no   0 of 1 ready, version 1.5; 1 is backoff: too hot; no agent "
	  "lives" },
	{ DEPLOYED(1) INSTANCE("ready") "UPDATE control.deployments SET "
					"trouble = 'it is back'",
	  "no   1 of 1 ready, version 1.5; it is back" },
	{ "UPDATE control.heartbeats SET schema = 'other'",
	  "12 of 12 partitions have no holder" },
	{ "UPDATE control.heartbeats SET ready = false, reason = 'no database'",
	  "no   not ready: no database" },
	{ "UPDATE control.heartbeats SET troubles = '[{\"topic\": \"orders\", "
	  "\"partition\": 3, \"what\": \"bad message\"}]'",
	  "orders/3 no   'me' cannot read it: bad message" },
	{ TOASTIE("main", "uncertain"), "1 uncertain: a person decides" },
	{ TOASTIE("main", "uncertain") INTENT
	  "UPDATE intents SET closed_at = now()",
	  "0 parked, 1 uncertain: a person decides" },
	{ "UPDATE control.grills SET stalls = '{other}'; " TOASTIE("main",
								   "queued"),
	  "no   1 queued (the oldest for 00:01:01), 0 on a plate, 0 parked, "
	  "0 uncertain; no enabled grill serves this stall" },
	{ "UPDATE control.grills SET enabled = false; " TOASTIE("main",
								"queued"),
	  "no enabled grill serves this stall" },
	{ "UPDATE control.grills SET seen_at = now() - interval '16 s'",
	  "left no   no worker has heard of it for 00:00:16" },
	{ "UPDATE control.grills SET silent_since = now() - interval '40 s', "
	  "silent_reason = 'connection refused'",
	  "silent for 00:00:40: connection refused" },
	{ "UPDATE control.plates SET out_since = now(), "
	  "out_reason = 'it has had its last token' WHERE plate = 1",
	  "1 of 2 plates are out of use: 1: it has had its last token" },
	{ "UPDATE positions SET next_offset = 5 WHERE topic = 'restocks' "
	  "AND partition = 4",
	  "'restocks' ends below 1 of its positions" },
	{ "INSERT INTO control.holds (service, who, why, colours) VALUES "
	  "('tally', 'kim', 'it counts twice', '{}')",
	  "tally no   held by kim for 00:00:0" },
	{ CANARY "UPDATE positions SET holder = 'me', next_offset = "
		 "CASE lane WHEN 'stable' THEN 900 ELSE 0 END",
	  " records behind stable" },
};

START_TEST(what_is_not_as_it_should_be_is_1_and_named)
	{
		execute_sql(bad[_i].sql);
		CHECK_RUN("status", FAILED, bad[_i].said);
		CHECK_SAID("not good");
	}
END_TEST

/* Of a service that no worker has ever held. */
START_TEST(what_waits_for_a_service_that_never_ran_is_named)
	{
		rd_kafka_t *producer;
		rd_kafka_conf_t *conf = xalloc_check(rd_kafka_conf_new());
		char error[256];

		start_kafka(NULL, TOPIC_PARTITIONS);
		execute_sql("UPDATE positions SET holder = NULL, epoch = 0 "
			    "WHERE service = 'tally'");
		ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers",
						   mock_brokers(), error,
						   sizeof(error)),
				 RD_KAFKA_CONF_OK);
		producer = xalloc_check(rd_kafka_new(RD_KAFKA_PRODUCER, conf,
						     error, sizeof(error)));
		ck_assert_int_eq(rd_kafka_producev(producer,
						   RD_KAFKA_V_TOPIC("toasties"),
						   RD_KAFKA_V_PARTITION(3),
						   RD_KAFKA_V_VALUE("x", 1),
						   RD_KAFKA_V_END),
				 0);
		ck_assert_int_eq(rd_kafka_flush(producer, DEADLINE_MS), 0);
		rd_kafka_destroy(producer);
		CHECK_RUN("status", FAILED,
			  "tally/stable/toasties no   no worker has ever held "
			  "it, and its lag is 1");
	}
END_TEST

static const struct {
	const char *without;
	int n_partitions;
	const char *said;
} topics[] = {
	{ "picks", TOPIC_PARTITIONS, "no   it is not there" },
	{ NULL, TOPIC_PARTITIONS + 4,
	  "orders       no   it has 16 partitions, 12 are declared: nobody "
	  "reads" },
	{ NULL, TOPIC_PARTITIONS - 1, "it has 11 partitions, 12 are declared" },
};

START_TEST(a_topic_that_is_not_as_declared_is_named)
	{
		start_kafka(topics[_i].without, topics[_i].n_partitions);
		CHECK_RUN("status", FAILED, topics[_i].said);
		/* The rest is shown all the same. */
		CHECK_SAID("jafflr    stable picks");
		CHECK_SAID("none waits");
	}
END_TEST

START_TEST(without_kafka_the_rest_is_shown_and_json_is_one_object)
	{
		json_error_t error;
		json_t *json;

		set_env("KAFKA_BROKERS", "127.0.0.1:1");
		set_env("OVERLORD_TIMEOUT_MS", "500");
		CHECK_RUN("status --json", FAILED, "lag is not known");
		json = json_loads(strchr(said, '{'), JSON_DISABLE_EOF_CHECK,
				  &error);
		ck_assert_msg(json, "%s: %s", error.text, said);
		ck_assert_uint_eq(
			json_array_size(json_object_get(json, "status")), 5);
		ck_assert_uint_ge(
			json_array_size(json_object_get(json, "checks")), 4);
		json_decref(json);
	}
END_TEST

/* Runs a line in a child; gives the end of the pipe that it writes to. */
static FILE *read_from(const char *line, pid_t *ret)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	*ret = fork();
	ck_assert_int_ge(*ret, 0);
	if (*ret == 0) {
		char words[64], *argv[4], *rest = words;
		int argc = 0;

		(void)str_copy(words, sizeof(words), line);
		while (rest)
			argv[argc++] = strsep(&rest, " ");
		(void)signal(SIGINT, SIG_DFL); /* not Check's own */
		(void)dup2(ends[1], STDOUT_FILENO);
		_exit(cli_run(argc, argv));
	}
	(void)close(ends[1]);
	return fdopen(ends[0], "re");
}

START_TEST(watching_shows_it_again_until_ctrl_c_a_line_of_json_each)
	{
		static char line[65536];
		pid_t child;
		FILE *from = read_from("status --watch --json", &child);
		int status;

		ck_assert_ptr_nonnull(from);
		for (int i = 0; i < 2; i++) {
			json_t *json;

			ck_assert_ptr_nonnull(fgets(line, sizeof(line), from));
			json = json_loads(line, 0, NULL);
			ck_assert_msg(json, "%s", line);
			ck_assert_uint_eq(json_array_size(json_object_get(
						  json, "status")),
					  5);
			json_decref(json);
		}
		ck_assert_int_eq(kill(child, SIGINT), 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		(void)fclose(from);
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ what_is_as_it_should_be_is_0, CHECK_N(good) },
		{ what_is_not_as_it_should_be_is_1_and_named, CHECK_N(bad) },
		{ what_waits_for_a_service_that_never_ran_is_named, 1 },
		{ a_topic_that_is_not_as_declared_is_named, CHECK_N(topics) },
		{ watching_shows_it_again_until_ctrl_c_a_line_of_json_each, 1 },
		{ without_kafka_the_rest_is_shown_and_json_is_one_object, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("cmd_status");
	TCase *tcase = check_case(suite, 60);

	tcase_add_unchecked_fixture(tcase, make_servers, mock_stop);
	tcase_add_checked_fixture(tcase, begin, NULL);
	check_add(tcase, rows);
	return postgres_run(suite);
}
