/* SPDX-License-Identifier: MIT */
/*
 * Verbs: on a real database. What is shown is not done, what is done has an
 * audit row, and every answer is JSON when it is asked for.
 */
#include <jansson.h>
#include <signal.h>

#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/overlord/database_fixture.h"
#include "schemas/limits.h"
#include "schemas/topics.h"

/* ---- grills ---- */

#define SET_LEFT "grill set left --address h:1 --plates 2"

START_TEST(a_grill_is_planned_then_set_then_as_it_should_be)
	{
		CHECK_RUN(SET_LEFT, DONE, "NOT_ATTEMPTED");
		CHECK_COUNT(0, "control.grills");
		CHECK_RUN(SET_LEFT " --execute", DONE, "CONFIRMED");
		CHECK_COUNT(2, "control.plates");
		CHECK_RUN(SET_LEFT " --execute", DONE, "UNCHANGED");
		CHECK_SAID("nothing to do");
		CHECK_COUNT(1, "control.audit WHERE who = 'tester' AND before "
			       "IS NULL AND what->>'grill' = 'left'");
		CHECK_RUN("grill set left --address h:2 --plates 1 --execute",
			  FAILED, "plates are never taken away");
		CHECK_COUNT(1, "control.grills WHERE address = 'h:1'");
		CHECK_COUNT(1, "control.audit");
	}
END_TEST

START_TEST(a_grill_is_disabled_enabled_and_removed_with_a_row_each)
	{
		CHECK_RUN(SET_LEFT " --execute", DONE, "CONFIRMED");
		CHECK_RUN("grill remove left", DONE, "not there NOT_ATTEMPTED");
		CHECK_COUNT(2, "control.plates");
		CHECK_RUN("grill disable left --execute", DONE, "CONFIRMED");
		CHECK_COUNT(1, "control.grills WHERE NOT enabled");
		CHECK_RUN("grill disable left --execute", DONE, "UNCHANGED");
		CHECK_RUN("grill enable left --execute", DONE, "CONFIRMED");
		CHECK_RUN("grill remove left --execute", DONE, "CONFIRMED");
		CHECK_COUNT(0, "control.plates");
		CHECK_RUN("grill remove left --execute", FAILED,
			  "there is no grill 'left'");
		CHECK_COUNT(4, "control.audit");
		CHECK_COUNT(1, "control.audit WHERE before->>'address' = 'h:1' "
			       "AND after = '\"not there\"'");
	}
END_TEST

START_TEST(a_grill_with_a_toastie_on_it_is_not_removed)
	{
		CHECK_RUN(SET_LEFT " --execute", DONE, "CONFIRMED");
		execute_sql(TOASTIE("main", "uncertain") INTENT);
		CHECK_RUN("grill remove left --execute", FAILED,
			  "has 1 toasties on it, 1 of them uncertain");
		CHECK_RUN("grill disable left --execute", DONE,
			  "1 toasties are on it and are ended first");
		CHECK_COUNT(2, "control.plates");
		execute_sql("UPDATE intents SET closed_at = now()");
		CHECK_RUN("grill remove left --execute", DONE, "CONFIRMED");
		CHECK_COUNT(0, "control.plates");
	}
END_TEST

/* As jafflr does it: the plate is locked, then its intent is opened. */
START_TEST(a_toastie_that_comes_onto_it_meanwhile_keeps_the_grill)
	{
		struct pg *jafflr = postgres_connect(url, "galore");

		CHECK_RUN(SET_LEFT " --execute", DONE, "CONFIRMED");
		execute_sql(TOASTIE("main", "queued"));
		postgres_exec(jafflr, "BEGIN; SELECT FROM control.plates "
				      "WHERE plate = 1 FOR UPDATE; " INTENT);
		ck_assert_int_eq(
			run_behind(jafflr, "grill remove left --execute"),
			FAILED);
		CHECK_COUNT(2, "control.plates");
	}
END_TEST

/* The line of @grill has @text. */
static void check_row(const char *grill, const char *text)
{
	char line[512];
	const char *at;

	(void)snprintf(line, sizeof(line), "\n%s ", grill);
	at = strstr(said, line);
	ck_assert_msg(at, "%s", said);
	(void)str_n_copy(line, sizeof(line), at + 1, strcspn(at + 1, "\n"));
	ck_assert_msg(strstr(line, text), "'%s' is not in '%s'", text, line);
}

START_TEST(whether_a_grill_answers_is_listed)
	{
		execute_sql("INSERT INTO control.grills (grill, address, "
			    "enabled, seen_at, silent_since, silent_reason) "
			    "VALUES ('new', 'h:2', true, NULL, NULL, NULL), "
			    "('left', 'h:1', true, now(), NULL, NULL), "
			    "('off', 'h:5', false, now(), NULL, NULL), "
			    "('right', 'h:3', true, '2026-01-31 12:00:00Z', "
			    "now(), 'connection refused'), "
			    "('unasked', 'h:4', true, '2026-01-31 12:00:00Z', "
			    "NULL, NULL)");
		CHECK_RUN("grill list", DONE, "grill");
		check_row("left", " yes       20");
		check_row("right",
			  " no        2026-01-31T12:00:00.000Z connection ref");
		/* By its last time, of which nobody knows what came since. */
		check_row("unasked", "           2026-01-31T12:00:00.000Z");
		check_row("off", " no                20");
		CHECK_RUN("grill list --json", DONE, "\"reachable\": null");
	}
END_TEST

/* ---- toasties ---- */

START_TEST(an_uncertain_toastie_is_resolved_once)
	{
		execute_sql(TOASTIE("main", "uncertain") INTENT);
		CHECK_RUN("toastie resolve 7 done", DONE, "NOT_ATTEMPTED");
		ck_assert_int_eq(NUMBER("SELECT seq FROM toasties"), 2);
		CHECK_RUN("toastie resolve 7 done --execute", DONE,
			  "CONFIRMED");
		ck_assert_int_eq(NUMBER("SELECT seq FROM toasties "
					"WHERE state = 'done'"),
				 3);
		CHECK_COUNT(0, "intents WHERE closed_at IS NULL");
		CHECK_COUNT(1, "control.audit WHERE what->>'order_id' = '" ORDER
			       "' AND before = '{\"seq\": 2, \"state\": "
			       "\"uncertain\"}' AND after = '{\"seq\": 3, "
			       "\"state\": \"done\"}'");
		CHECK_RUN("toastie resolve 7 done --execute", FAILED,
			  "is 'done', not 'uncertain'");
		CHECK_COUNT(1, "control.audit");
	}
END_TEST

START_TEST(a_toastie_on_the_grill_is_not_resolved)
	{
		execute_sql(TOASTIE("main", "grilling") INTENT);
		CHECK_RUN("toastie resolve " ORDER " failed --execute", FAILED,
			  "is 'grilling', not 'uncertain'");
		CHECK_RUN("toastie resolve " CALL_CODE " done", FAILED,
			  "is a call code, which more than one order may");
		CHECK_RUN("toastie resolve 8 done", FAILED,
			  "no order has the number '8'");
		CHECK_COUNT(0, "control.audit");
	}
END_TEST

#define NONE "there are no such toasties"

/* What is done to the one toastie before it is listed. */
static const struct {
	const char *sql, *line, *said;
	int status;
} lists[] = {
	{ NULL, "", ORDER " " CALL_CODE "      7 main ", DONE },
	{ NULL, "", " parked ", DONE },
	{ NULL, " --state parked", ORDER, DONE },
	{ NULL, " --state all", " parked ", DONE },
	{ NULL, " --state uncertain", NONE, DONE },
	{ NULL, " --state queued", NONE, DONE },
	{ NULL, " --state eaten", "there is no state 'eaten'", USED_WRONGLY },
	/* Jafflr has given it up. */
	{ "UPDATE intents SET closed_at = now()",
	  " --state uncertain --stall main", ORDER, DONE },
	{ "UPDATE intents SET closed_at = now()",
	  " --state uncertain --stall other", NONE, DONE },
	{ "UPDATE toasties SET state = 'done'", "", NONE, DONE },
	{ "UPDATE toasties SET state = 'done'", " --state all", ORDER, DONE },
	{ NULL, " --limit 1", "these are the first 1, --limit shows", DONE },
};

START_TEST(toasties_are_listed_by_state_and_stall)
	{
		char line[64];

		execute_sql(TOASTIE("main", "uncertain") INTENT);
		if (lists[_i].sql)
			execute_sql(lists[_i].sql);
		(void)snprintf(line, sizeof(line), "toastie list%s",
			       lists[_i].line);
		CHECK_RUN(line, lists[_i].status, lists[_i].said);
	}
END_TEST

START_TEST(toasties_are_listed_in_the_order_of_the_queue)
	{
		const char *first, *second;

		execute_sql(TOASTIE("main", "queued"));
		execute_sql("INSERT INTO toasties (order_id, number, stall, "
			    "doneness, state, lines, partition, \"offset\", "
			    "bucket, changed_at) SELECT '" OTHER_ORDER "', 8, "
			    "stall, doneness, state, 1, 0, 0, 0, "
			    "changed_at - interval '1 h' FROM toasties");
		CHECK_RUN("toastie list", DONE, ORDER);
		first = strstr(said, ORDER);
		second = strstr(said, OTHER_ORDER);
		ck_assert_msg(second && first < second, "%s", said);
	}
END_TEST

/* ---- traces ---- */

#define INSERT_ORDERS                                                          \
	"INSERT INTO orders (order_id, stall, items, doneness, grill, "        \
	"content_hash, verdict, order_version, pick_version, partition, "      \
	"\"offset\", decided_at) SELECT order_id, stall, '1 bread', 'l', "     \
	"true, 1, 'p', 2, 2, number % 12, number / 12, now() FROM toasties; "

/* Rows that a plain scan of either table has read. */
static int64_t n_scanned(void)
{
	CHECK_WITHIN(DEADLINE_MS,
		     !NUMBER("SELECT count(*) FROM pg_stat_activity "
			     "WHERE application_name LIKE 'overlord%' "
			     "AND datname = current_database()"),
		     (void)0);
	return NUMBER("SELECT sum(seq_tup_read)::bigint "
		      "FROM pg_stat_user_tables "
		      "WHERE relname IN ('toasties', 'orders')");
}

static const char *const open_reads[] = { "toastie list", "status",
					  "trace " CALL_CODE };

START_TEST(what_is_open_is_found_however_long_the_tables_are)
	{
		int64_t before;

		execute_sql("INSERT INTO toasties (order_id, number, stall, "
			    "doneness, state, lines, partition, \"offset\", "
			    "bucket, changed_at) SELECT gen_random_uuid(), n, "
			    "'main', 'light', 'done', 1, 0, n, 0, now() "
			    "FROM generate_series(1, 40000) n; " INSERT_ORDERS
				    TOASTIE("main", "queued") INTENT);
		execute_sql("UPDATE positions SET next_offset = 13300");
		execute_sql("VACUUM ANALYZE");
		set_env("OVERLORD_TIMEOUT_MS", "500");
		for (int i = 0; i < CHECK_N(open_reads); i++) {
			before = n_scanned();
			(void)overlord(open_reads[i]);
			ck_assert_int_lt(n_scanned() - before, 1000);
		}
	}
END_TEST

START_TEST(a_call_code_lists_orders_and_asks_for_an_id)
	{
		execute_sql(TOASTIE("main", "queued") INSERT_ORDERS);
		CHECK_RUN("trace " CALL_CODE, DONE,
			  ORDER " " CALL_CODE "      7 main ");
		CHECK_SAID("more than one order may be called");
		CHECK_RUN("trace a000", FAILED,
			  "none of the newest 10000 orders is called 'a000'");
		CHECK_RUN("trace " ORDER, DONE,
			  "order " ORDER ", called " CALL_CODE);
		CHECK_SAID("toastie queued");
		CHECK_RUN("trace " OTHER_ORDER, FAILED,
			  "nothing is known of order");
	}
END_TEST

static const struct {
	const char *line, *name;
	size_t n_rows; /* at least */
} reads[] = {
	{ "trace 7 --json", "trace", 3 },
	{ "dlq list --json", "dead_letters", 1 },
	{ "grill list --json", "grills", 1 },
	{ "migrate status --json", "migrations", 7 },
	{ "toastie list --json", "toasties", 1 },
	{ "stock list --json", "stock", 1 },
};

START_TEST(every_read_is_json_when_it_is_asked_for)
	{
		json_error_t error;
		json_t *json;

		execute_sql(TOASTIE("main", "uncertain") INTENT
			    "INSERT INTO stock VALUES ('s', 'i', 0); "
			    "INSERT INTO dead_letters VALUES ('chillybin', "
			    "'orders', 0, 1, 'malformed', 'a \"b\" \\ ', "
			    "NULL, '" ORDER "', now()); "
			    "INSERT INTO control.grills (grill, address) "
			    "VALUES ('left', 'h:1')");
		CHECK_RUN(reads[_i].line, DONE, "{");
		json = json_loads(strchr(said, '{'), JSON_DISABLE_EOF_CHECK,
				  &error);
		ck_assert_msg(json, "%s: %s", error.text, said);
		ck_assert_uint_ge(
			json_array_size(json_object_get(json, reads[_i].name)),
			reads[_i].n_rows);
		json_decref(json);
	}
END_TEST

/* ---- stock ---- */

static void fill_stock(void)
{
	execute_sql("INSERT INTO stock VALUES ('main', 'cheese', 12), "
		    "('main', 'chese', 0), ('other', 'ham', 1)");
}

START_TEST(stock_is_listed_of_all_stalls_or_of_one)
	{
		fill_stock();
		CHECK_RUN("stock list", DONE, "cheese           12");
		CHECK_SAID("other ham");
		CHECK_RUN("stock list --stall other", DONE, "ham");
		CHECK_NOT_SAID("cheese");
		CHECK_RUN("stock list --stall nowhere", DONE,
			  "stall 'nowhere' has no ingredients");
	}
END_TEST

START_TEST(a_plan_to_restock_says_what_is_there_and_what_will_be)
	{
		fill_stock();
		CHECK_RUN("restock main cheese 5", DONE,
			  "main/cheese 12  17 (added: +5) NOT_ATTEMPTED");
		CHECK_RUN("restock main cheese 5 --count", DONE,
			  "main/cheese 12  5 (counted: 5) NOT_ATTEMPTED");
		execute_sql("UPDATE stock SET quantity = 9223372036854775803 "
			    "WHERE ingredient = 'cheese'");
		CHECK_RUN("restock main cheese 4", DONE,
			  "9223372036854775807 (added: +4) NOT_ATTEMPTED");
		CHECK_RUN("restock main cheese 5", DONE,
			  "too much: chillybin refuses it (added: +5)");
	}
END_TEST

static const struct {
	const char *line, *said, *now;
} slips[] = {
	{ "restock mian cheese 5", "there is no stall 'mian' yet",
	  "a new stall" },
	{ "restock main cheeze 5", "stall 'main' has no 'cheeze' yet",
	  "a new ingredient" },
};

START_TEST(a_new_name_is_sent_only_when_it_is_meant)
	{
		char line[64];

		fill_stock();
		set_env("OVERLORD_TIMEOUT_MS", "500");
		CHECK_RUN(slips[_i].line, DONE, slips[_i].said);
		CHECK_SAID(slips[_i].now);
		CHECK_SAID("HINT: --new");
		(void)snprintf(line, sizeof(line), "%s --execute",
			       slips[_i].line);
		CHECK_RUN(line, FAILED, "HINT: --new");
		CHECK_NOT_SAID("KAFKA_BROKERS");
		/* It is sent then, if only there were a Kafka. */
		(void)snprintf(line, sizeof(line), "%s --execute --new",
			       slips[_i].line);
		CHECK_RUN(line, FAILED, "KAFKA_BROKERS");
	}
END_TEST

START_TEST(the_longest_names_are_sent_and_the_audit_row_says_where)
	{
		char name[TEXT_MAX_CHARS + 1], line[640];

		memset(name, 'x', TEXT_MAX_CHARS);
		name[TEXT_MAX_CHARS] = '\0';
		mock_start("restocks", TOPIC_PARTITIONS);
		set_env("KAFKA_BROKERS", mock_brokers());
		(void)snprintf(line, sizeof(line),
			       "restock %s %s 5 --execute --new", name, name);
		CHECK_RUN(line, DONE, "CONFIRMED");
		CHECK_SAID("stands at restocks/");
		CHECK_COUNT(1,
			    "control.audit WHERE what->>'position' LIKE "
			    "'restocks/%@0' AND after = '\"5 (added: +5)\"'");
		mock_stop();
	}
END_TEST

#define REMOVE_CHESE "stock remove main chese --execute"

START_TEST(an_ingredient_of_which_there_is_nothing_is_taken_off_the_menu)
	{
		fill_stock();
		CHECK_RUN("stock remove main chese", DONE, "NOT_ATTEMPTED");
		CHECK_RUN(REMOVE_CHESE, DONE, "CONFIRMED");
		CHECK_COUNT(2, "stock");
		CHECK_COUNT(1,
			    "control.audit WHERE what->>'stock' = 'main/chese' "
			    "AND before = '0' AND after IS NULL");
		CHECK_RUN(REMOVE_CHESE, FAILED,
			  "there is no 'main/chese' in stock");
		CHECK_RUN("stock remove main cheese --execute", FAILED,
			  "of 'main/cheese' there are 12");
		CHECK_COUNT(2, "stock");
	}
END_TEST

#define PUT_IN                                                                 \
	"SELECT take_stock(ARRAY['main'], ARRAY['chese'], "                    \
	"ARRAY[5]::bigint[], ARRAY[0]::bigint[])"

START_TEST(what_was_put_in_meanwhile_stays_on_the_menu)
	{
		struct pg *chillybin = postgres_connect(url, "galore");

		fill_stock();
		postgres_exec(chillybin, "BEGIN; " PUT_IN);
		ck_assert_int_eq(run_behind(chillybin, REMOVE_CHESE), FAILED);
		ck_assert_int_eq(NUMBER("SELECT quantity FROM stock "
					"WHERE ingredient = 'chese'"),
				 5);
	}
END_TEST

/* It has read the row and not locked it yet. */
START_TEST(chillybin_notices_that_the_row_has_gone)
	{
		struct pg *chillybin = postgres_connect(url, "galore");

		fill_stock();
		CHECK_RUN(REMOVE_CHESE, DONE, "CONFIRMED");
		ck_assert_int_eq(
			pg_exec(chillybin, PUT_IN, POSTGRES_TIMEOUT_MS),
			PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(chillybin), "TG002");
		(void)pg_free(chillybin);
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ a_grill_is_planned_then_set_then_as_it_should_be, 1 },
		{ a_grill_is_disabled_enabled_and_removed_with_a_row_each, 1 },
		{ a_grill_with_a_toastie_on_it_is_not_removed, 1 },
		{ a_toastie_that_comes_onto_it_meanwhile_keeps_the_grill, 1 },
		{ whether_a_grill_answers_is_listed, 1 },
		{ an_uncertain_toastie_is_resolved_once, 1 },
		{ a_toastie_on_the_grill_is_not_resolved, 1 },
		{ toasties_are_listed_by_state_and_stall, CHECK_N(lists) },
		{ toasties_are_listed_in_the_order_of_the_queue, 1 },
		{ what_is_open_is_found_however_long_the_tables_are, 1 },
		{ a_call_code_lists_orders_and_asks_for_an_id, 1 },
		{ every_read_is_json_when_it_is_asked_for, CHECK_N(reads) },
		{ stock_is_listed_of_all_stalls_or_of_one, 1 },
		{ a_plan_to_restock_says_what_is_there_and_what_will_be, 1 },
		{ a_new_name_is_sent_only_when_it_is_meant, CHECK_N(slips) },
		{ the_longest_names_are_sent_and_the_audit_row_says_where, 1 },
		{ an_ingredient_of_which_there_is_nothing_is_taken_off_the_menu,
		  1 },
		{ what_was_put_in_meanwhile_stays_on_the_menu, 1 },
		{ chillybin_notices_that_the_row_has_gone, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("verbs");
	TCase *tcase = database_case(suite);

	check_add(tcase, rows);
	return postgres_run(suite);
}
