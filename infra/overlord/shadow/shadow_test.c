/* SPDX-License-Identifier: MIT */
/* Shadow: its cut, what its role may do, and which differences are wrong. */
#include "infra/overlord/shadow/shadow.h"

#include "infra/overlord/database_fixture.h"

static struct verb verb;
static struct shadow shadow;

static void open_shadow(void)
{
	verb = (struct verb){
		.name = "shadow start",
		.arguments = "",
		.conf = { .database_url = url,
			  .schema = "galore",
			  .migrations = "migrations",
			  .timeout_ms = DEADLINE_MS },
		.who = "tester",
		.schema = "galore",
		.suffix = "",
	};
	ck_assert_int_eq(shadow_open(&shadow, &verb), 0);
	(void)str_copy(shadow.program, sizeof(shadow.program), "/bin/true");
}

static void remove_shadow(void)
{
	char sql[512];

	open_shadow();
	(void)snprintf(sql, sizeof(sql),
		       "REVOKE ALL ON control.plates FROM PUBLIC;"
		       "DROP SCHEMA IF EXISTS " SHADOW_SCHEMA " CASCADE;"
		       "%s%s%s%s",
		       shadow.role_is_there ? "DROP OWNED BY " : "",
		       shadow.role_is_there ? shadow.role_quoted : "",
		       shadow.role_is_there ? "; DROP ROLE " : "",
		       shadow.role_is_there ? shadow.role_quoted : "");
	execute_sql(sql);
	verb_deinit(&verb);
}

/* Of what the database is at this moment. */
static void make_shadow(void)
{
	open_shadow();
	ck_assert_int_eq(shadow_make_schema(&shadow), 0);
	ck_assert_int_eq(shadow_make_role(&shadow), 0);
	ck_assert_int_eq(shadow_copy(&shadow), 0);
	verb_deinit(&verb);
}

/* ---- rows ---- */

/* An order of two bread and one cheese in schema @of, at an offset of
 * partition 0; decided @second seconds after noon. */
static void add_order(const char *of, int offset, const char *missing,
		      int second)
{
	char sql[1024];

	(void)snprintf(
		sql, sizeof(sql),
		"INSERT INTO %s.orders (order_id, content_hash, \"offset\", "
		"decided_at, partition, order_version, pick_version, verdict, "
		"doneness, grill, stall, items, missing) VALUES "
		"('01900000-0000-7000-8000-%012d', %d, %d, "
		"'2026-01-01 12:00:%02d+00', 0, 2, 2, '%s', 'l', true, 'main', "
		"'2 bread;1 cheese', nullif('%s', ''))",
		of, offset, offset, offset, second, *missing ? "r" : "p",
		missing);
	execute_sql(sql);
	if (*missing)
		return;
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE %s.stock SET quantity = quantity - CASE "
		       "ingredient WHEN 'bread' THEN 2 ELSE 1 END",
		       of);
	execute_sql(sql);
}

static void add_both(int offset, const char *missing, int second)
{
	add_order("galore", offset, missing, second);
	add_order(SHADOW_SCHEMA, offset, missing, second);
}

static void move_to(const char *of, int next_offset)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE %s.positions SET next_offset = %d WHERE service "
		       "= 'chillybin' AND topic = 'orders' AND partition = 0",
		       of, next_offset);
	execute_sql(sql);
}

static void stock_up(int bread, int cheese)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO stock VALUES ('main', 'bread', %d), "
		       "('main', 'cheese', %d)",
		       bread, cheese);
	execute_sql(sql);
}

/* ---- the cut ---- */

START_TEST(a_shadow_begins_where_the_live_version_is)
	{
		stock_up(10, 10);
		add_order("galore", 0, "", 1);
		move_to("galore", 1);
		make_shadow();
		CHECK_COUNT(1, SHADOW_SCHEMA ".orders WHERE \"offset\" = 0");
		CHECK_COUNT(1,
			    SHADOW_SCHEMA ".stock WHERE ingredient = 'bread' "
					  "AND quantity = 8");
		CHECK_COUNT(36, SHADOW_SCHEMA
			    ".positions WHERE colour = 'green' AND "
			    "emitted_offset = next_offset");
		CHECK_COUNT(1,
			    SHADOW_SCHEMA ".positions WHERE next_offset = 1");
		CHECK_RUN("shadow diff", DONE,
			  "no order was decided by both yet");
	}
END_TEST

/* What is decided while the copy runs is behind the cut. */
START_TEST(what_was_decided_behind_the_cut_is_undone_in_the_copy)
	{
		stock_up(10, 10);
		for (int offset = 0; offset < 4; offset++)
			add_order("galore", offset, "", 1);
		execute_sql(
			"UPDATE orders SET cancelled_position = 'orders/0@4', "
			"cancelled_at = now() WHERE \"offset\" = 0;"
			"UPDATE orders SET cancelled_position = 'orders/0@5', "
			"cancelled_at = now() WHERE \"offset\" IN (1, 2);"
			"UPDATE orders SET returned_event = 'e1', returned_at "
			"= now() "
			"WHERE \"offset\" IN (0, 1);"
			"INSERT INTO stock_changes (source, event_id, "
			"ingredient, stall, "
			"kind, delta, order_id, topic, partition, \"offset\", "
			"decided_at) SELECT 's', 'e' || \"offset\", 'bread', "
			"'main', "
			"'returned', 2, order_id, 'toasties', 0, \"offset\", "
			"now() "
			"FROM orders WHERE \"offset\" IN (0, 1);"
			"UPDATE positions SET next_offset = 5 "
			"WHERE service = 'chillybin' AND topic = 'orders';"
			"UPDATE positions SET next_offset = 1 "
			"WHERE service = 'chillybin' AND topic = 'toasties'");
		open_shadow();
		ck_assert_int_eq(shadow_make_schema(&shadow), 0);
		execute_sql(
			"INSERT INTO " SHADOW_SCHEMA ".shadow_cut "
			"SELECT topic, partition, next_offset FROM positions "
			"WHERE service = 'chillybin'");
		/* The second and the third part of the copy alone. */
		ck_assert_int_eq(shadow_copy_before(&shadow), 0);
		verb_deinit(&verb);
		CHECK_COUNT(4, SHADOW_SCHEMA ".orders");
		CHECK_COUNT(1, SHADOW_SCHEMA
			    ".orders WHERE cancelled_at IS NOT NULL "
			    "AND \"offset\" = 0");
		CHECK_COUNT(3,
			    SHADOW_SCHEMA ".orders WHERE cancelled_at IS NULL");
		CHECK_COUNT(1, SHADOW_SCHEMA
			    ".orders WHERE returned_at IS NOT NULL "
			    "AND \"offset\" = 0");
		CHECK_COUNT(1, SHADOW_SCHEMA ".stock_changes");
	}
END_TEST

/* A lane that is ahead has decided what the shadow will read again. */
START_TEST(of_lanes_that_are_not_level_the_lowest_position_is_the_cut)
	{
		stock_up(10, 10);
		execute_sql("SELECT lane_split('chillybin', 'half', 'stable', "
			    "'buckets', 0, 2048, NULL, 'green')");
		add_order("galore", 7, "", 1);
		execute_sql("UPDATE positions SET next_offset = 8 WHERE lane = "
			    "'half' "
			    "AND topic = 'orders' AND partition = 0");
		make_shadow();
		CHECK_COUNT(36, SHADOW_SCHEMA
			    ".positions WHERE next_offset = 0 AND "
			    "lane = 'stable'");
		CHECK_COUNT(1, SHADOW_SCHEMA ".orders WHERE \"offset\" = 7");
		CHECK_COUNT(1, SHADOW_SCHEMA ".stock WHERE quantity = 8");
		/* The stock from which the comparison counts is that of the
		 * cut. */
		CHECK_COUNT(2,
			    SHADOW_SCHEMA ".shadow_stock WHERE quantity = 10");
		CHECK_RUN("shadow diff", DONE, "compared");
	}
END_TEST

/* ---- the role ---- */

static struct pg *connect_as_shadow(void)
{
	char as[512];

	(void)snprintf(as, sizeof(as), "%s%suser=%s", url,
		       strchr(url, '?') ? "&" : "?", shadow.role);
	return postgres_connect(as, SHADOW_SCHEMA);
}

/* Statements on each table that is there, before and behind its name. */
static const char *const writes[][2] = {
	{ "INSERT INTO ", " DEFAULT VALUES" },
	{ "DELETE FROM ", "" },
	{ "TRUNCATE ", "" },
	{ "DO 'BEGIN LOCK TABLE ", " IN EXCLUSIVE MODE; END'" },
	{ "SELECT * FROM ", " FOR UPDATE" },
};

static int n_tables(void)
{
	return (int)NUMBER("SELECT count(*) FROM pg_tables WHERE schemaname IN "
			   "('galore', 'control')");
}

/* "galore.orders"; to be freed. */
static char *table_name(int i)
{
	static const struct pg_statement statement = {
		"tables",
		"SELECT schemaname || '.' || tablename FROM pg_tables "
		"WHERE schemaname IN ('galore', 'control') ORDER BY 1",
		0,
	};
	struct pg *pg = postgres_connect(url, "galore");
	int s = pg_add(pg, &statement, NULL);
	char *name;
	size_t n;

	ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), 0);
	name = xstrdup(pg_bytes(pg, s, i, 0, &n));
	(void)pg_free(pg);
	return name;
}

START_TEST(a_candidate_can_write_no_table_that_is_not_the_shadows)
	{
		struct pg *pg;
		int n = n_tables();
		char sql[256];

		make_shadow();
		pg = connect_as_shadow();
		ck_assert_int_gt(n, 15);
		for (int i = 0; i < n; i++) {
			char *name = table_name(i);

			for (size_t k = 0;
			     k < sizeof(writes) / sizeof(writes[0]); k++) {
				(void)snprintf(sql, sizeof(sql), "%s%s%s",
					       writes[k][0], name,
					       writes[k][1]);
				ck_assert_msg(
					pg_exec(pg, sql, POSTGRES_TIMEOUT_MS) ==
							PG_E_SQL &&
						!strcmp(pg_sqlstate(pg),
							"42501"),
					"%s: %s", sql, pg_message(pg));
			}
			free(name);
		}
		(void)pg_free(pg);
	}
END_TEST

static const char *const refused[] = {
	"UPDATE galore.stock SET quantity = 0",
	"UPDATE control.lanes SET colour = 'green'",
	"UPDATE control.plates SET token = 1",
	"SELECT setval('control.epoch_seq', 1)",
	"SELECT galore.take_over('chillybin', 'blue', 'me', '{orders}', '{0}')",
	"SELECT * FROM galore.orders",
	"SELECT * FROM control.grills",
	"CREATE TABLE galore.mine ()",
	"CREATE TABLE control.mine ()",
	"CREATE SCHEMA mine",
	"DROP SCHEMA shadow_green",
	"UPDATE shadow_stock SET quantity = 0",
	"SELECT password FROM shadow",
	"UPDATE schema_migrations SET version = 1",
	"SET ROLE galore",
	"CREATE ROLE other",
};

START_TEST(a_candidate_can_do_nothing_else_either)
	{
		struct pg *pg;

		make_shadow();
		pg = connect_as_shadow();
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]);
		     i++)
			ck_assert_msg(pg_exec(pg, refused[i],
					      POSTGRES_TIMEOUT_MS) == PG_E_SQL,
				      "%s: it could", refused[i]);
		(void)pg_free(pg);
	}
END_TEST

START_TEST(what_a_worker_needs_is_allowed)
	{
		struct pg *pg;

		make_shadow();
		pg = connect_as_shadow();
		postgres_exec(pg,
			      "SET search_path = " SHADOW_SCHEMA ", control");
		postgres_exec(
			pg,
			"SELECT max(version) FROM control.schema_migrations");
		postgres_exec(pg,
			      "SELECT take_over('chillybin', 'green', 'me', "
			      "'{orders}', '{0}')");
		postgres_exec(pg, "SELECT * FROM lanes");
		postgres_exec(
			pg,
			"INSERT INTO heartbeats VALUES ('me', 'chillybin', "
			"'green', '1', 's', now(), now(), true, NULL, '[]')");
		postgres_exec(pg,
			      "INSERT INTO stock VALUES ('main', 'jam', 1)");
		(void)pg_free(pg);
		CHECK_COUNT(0, "control.heartbeats");
		CHECK_COUNT(0, "stock");
	}
END_TEST

/* The server's address over TCP, where a password is asked for. */
static bool connects_with(const char *password)
{
	char path[256], line[512] = "", as[640], error[256];
	struct pg_params params = { .url = as,
				    .application_name = "test",
				    .timeout_ms = POSTGRES_TIMEOUT_MS };
	const char *database = strstr(url, "/test_");
	struct pg *pg = NULL;
	FILE *file;
	bool good;

	(void)snprintf(path, sizeof(path), "%s/postgres.env", postgres_dir);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (strncmp(line, "DATABASE_URL_TCP=", 17) != 0)
		ck_assert(fgets(line, sizeof(line), file));
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	ck_assert_ptr_nonnull(database);
	(void)snprintf(as, sizeof(as), "%s%cdbname=%.*s&user=%s",
		       strchr(line, '=') + 1, strchr(line, '?') ? '&' : '?',
		       (int)strcspn(database + 1, "?"), database + 1,
		       shadow.role);
	set_env("PGPASSWORD", password);
	good = !pg_connect(&pg, &params, error);
	ck_assert_int_eq(unsetenv("PGPASSWORD"), 0);
	(void)pg_free(pg);
	return good;
}

START_TEST(a_candidate_is_let_in_by_the_password_of_its_shadow)
	{
		char password[64];
		struct pg *pg;
		size_t n;
		int i;

		make_shadow();
		pg = postgres_connect(url, "galore");
		i = pg_add(pg, &sql_shadow_read, NULL);
		ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), 0);
		(void)str_copy(password, sizeof(password),
			       pg_bytes(pg, i, 0, 1, &n));
		(void)pg_free(pg);
		ck_assert_uint_eq(strlen(password), 32);
		ck_assert(connects_with(password));
		ck_assert(!connects_with("another"));
	}
END_TEST

START_TEST(a_role_that_everybody_lets_write_is_refused)
	{
		execute_sql("GRANT UPDATE ON control.plates TO PUBLIC");
		open_shadow();
		ck_assert_int_eq(shadow_make_schema(&shadow), 0);
		said_begin();
		ck_assert_int_eq(shadow_make_role(&shadow), VERB_E_FAILED);
		said_end();
		CHECK_SAID(
			"could write what is not the shadow's: control.plates");
		verb_deinit(&verb);
	}
END_TEST

/* ---- differences ---- */

/* 10 bread and 10 cheese; six orders, decided by both. */
static void decide_six(void)
{
	stock_up(10, 10);
	make_shadow();
	for (int i = 0; i < 5; i++)
		add_both(i, "", i);
	add_both(5, "2/0 bread", 5);
	move_to("galore", 6);
	move_to(SHADOW_SCHEMA, 6);
}

START_TEST(equal_decisions_are_no_difference)
	{
		decide_six();
		CHECK_RUN("shadow diff --json", DONE, "\"differences\": []");
		CHECK_SAID("\"compared\": 6");
	}
END_TEST

/* What is done to the shadow's order at offset 2, and what is said of it. */
static const struct {
	const char *sql, *why;
	bool wrong;
} changes[] = {
	{ "UPDATE orders SET doneness = 'b' WHERE \"offset\" = 2",
	  "it is another order than the record says", true },
	{ "UPDATE orders SET items = '1 bread;1 cheese' WHERE \"offset\" = 2; "
	  "UPDATE stock SET quantity = 1 WHERE ingredient = 'bread'",
	  "it is another order than the record says", true },
	{ "UPDATE orders SET pick_version = 1 WHERE \"offset\" = 2",
	  "its pick is of another version", true },
	{ "DELETE FROM orders WHERE \"offset\" = 2; UPDATE stock SET quantity "
	  "= quantity + CASE ingredient WHEN 'bread' THEN 2 ELSE 1 END",
	  "the shadow has no such order", true },
	{ "DELETE FROM galore.orders WHERE \"offset\" = 2",
	  "the live version has no such order", true },
	/* Six bread were left. */
	{ "UPDATE orders SET verdict = 'r', missing = '2/0 bread' "
	  "WHERE \"offset\" = 2; UPDATE stock SET quantity "
	  "= quantity + CASE ingredient WHEN 'bread' THEN 2 ELSE 1 END",
	  "it says that 0 bread were left, and by its own decisions there were "
	  "6",
	  true },
	{ "UPDATE orders SET verdict = 'r', missing = '2/6 bread' "
	  "WHERE \"offset\" = 2; UPDATE stock SET quantity "
	  "= quantity + CASE ingredient WHEN 'bread' THEN 2 ELSE 1 END",
	  "with 6 of 2 wanted left", true },
	{ "UPDATE orders SET verdict = 'r', missing = '1/0 jam' "
	  "WHERE \"offset\" = 2; UPDATE stock SET quantity "
	  "= quantity + CASE ingredient WHEN 'bread' THEN 2 ELSE 1 END",
	  "it names jam as missing, which was not ordered", true },
	{ "UPDATE orders SET verdict = 'r', missing = '' "
	  "WHERE \"offset\" = 2; UPDATE stock SET quantity "
	  "= quantity + CASE ingredient WHEN 'bread' THEN 2 ELSE 1 END",
	  "nothing was missing", true },
	{ "UPDATE orders SET missing = '2/1 bread' WHERE \"offset\" = 5",
	  "it says that 1 bread were left, and by its own decisions there were "
	  "0",
	  true },
	/* The last one is picked though nothing is left of bread. */
	{ "UPDATE orders SET verdict = 'p', missing = NULL "
	  "WHERE \"offset\" = 5",
	  "it wants 2 bread, of which there were at most 0", true },
	/* It has taken nothing. */
	{ "UPDATE stock SET quantity = 7 WHERE ingredient = 'cheese'",
	  "what the shadow decided leaves 5", true },
	/* The one at 5 was before the one at 2, which found nothing. */
	{ "UPDATE orders SET verdict = 'p', missing = NULL, "
	  "decided_at = '2026-01-01 12:00:02+00' WHERE \"offset\" = 5; "
	  "UPDATE orders SET verdict = 'r', missing = '2/0 bread', "
	  "decided_at = '2026-01-01 12:00:05+00' WHERE \"offset\" = 2",
	  "other orders came first", false },
	/* Both in one batch. */
	{ "UPDATE orders SET decided_at = '2026-01-01 12:00:02+00'; "
	  "UPDATE orders SET verdict = 'p', missing = NULL WHERE \"offset\" "
	  "= 5; "
	  "UPDATE orders SET verdict = 'r', missing = '2/0 bread' "
	  "WHERE \"offset\" = 2",
	  "other orders came first", false },
	/* The same id stands on another partition, too. */
	{ "UPDATE orders SET partition = 1, doneness = 'b' "
	  "WHERE \"offset\" = 2",
	  "other orders came first", false },
	{ "UPDATE orders SET cancelled_position = 'orders/0@3', cancelled_at "
	  "= now() WHERE \"offset\" = 2",
	  "the same cancellation came to another answer", true },
	{ "INSERT INTO dead_letters VALUES ('chillybin', 'orders', 0, 1, "
	  "'malformed', '', NULL, NULL, now())",
	  "the same record was read differently", true },
	{ "INSERT INTO dead_letters VALUES ('chillybin', 'orders', 0, 1, "
	  "'unknown-order', '', NULL, NULL, now())",
	  "other orders came first", false },
	{ "INSERT INTO stock_changes (source, event_id, ingredient, stall, "
	  "kind, delta, topic, partition, \"offset\", decided_at) VALUES ('s', "
	  "'e', 'cheese', 'main', 'added', 0, 'restocks', 0, 0, now()); "
	  "UPDATE positions SET next_offset = 1 WHERE topic = 'restocks'; "
	  "UPDATE galore.positions SET next_offset = 1 WHERE topic = "
	  "'restocks'",
	  "the live version has no such change", true },
	/* The live version has not read it yet. */
	{ "UPDATE orders SET cancelled_position = 'orders/0@6', cancelled_at "
	  "= now() WHERE \"offset\" = 2",
	  "\"differences\": []", false },
};

/* As decide_six() left it, where both have the same. */
static void undo_change(struct pg *pg)
{
	static const char *const of[] = { "galore", SHADOW_SCHEMA };
	char sql[1024];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(
			sql, sizeof(sql),
			"SET search_path = %s; TRUNCATE orders, stock, "
			"stock_changes, dead_letters; "
			"INSERT INTO orders TABLE " SHADOW_SCHEMA
			".kept_orders; "
			"INSERT INTO stock TABLE " SHADOW_SCHEMA ".kept_stock; "
			"UPDATE positions SET next_offset = CASE topic "
			"WHEN 'orders' THEN 6 ELSE 0 END WHERE partition = 0 "
			"AND service = 'chillybin'",
			of[i]);
		postgres_exec(pg, sql);
	}
}

START_TEST(a_difference_is_wrong_unless_the_shadows_history_explains_it)
	{
		struct pg *pg;

		decide_six();
		pg = postgres_connect(url, SHADOW_SCHEMA);
		postgres_exec(pg, "CREATE TABLE kept_orders AS TABLE orders; "
				  "CREATE TABLE kept_stock AS TABLE stock");
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]);
		     i++) {
			undo_change(pg);
			postgres_exec(pg, changes[i].sql);
			CHECK_RUN("shadow diff --json",
				  changes[i].wrong ? FAILED : DONE,
				  changes[i].why);
			if (changes[i].wrong)
				CHECK_SAID("the first wrong decision: ");
		}
		undo_change(pg);
		CHECK_RUN("shadow diff --json", DONE, "\"differences\": []");
		(void)pg_free(pg);
	}
END_TEST

START_TEST(an_older_order_that_only_one_has_cancelled_since_is_a_difference)
	{
		stock_up(10, 10);
		add_order("galore", 0, "", 1);
		move_to("galore", 1);
		make_shadow();
		execute_sql(
			"UPDATE orders SET cancelled_position = 'orders/0@1', "
			"cancelled_at = now()");
		move_to("galore", 2);
		CHECK_RUN("shadow diff --json", DONE, "\"differences\": []");
		move_to(SHADOW_SCHEMA, 2);
		CHECK_RUN("shadow diff", FAILED,
			  "the same cancellation came to another answer");
	}
END_TEST

START_TEST(the_first_wrong_decision_is_named_with_its_place)
	{
		struct pg *pg;

		decide_six();
		pg = postgres_connect(url, SHADOW_SCHEMA);
		postgres_exec(
			pg, "UPDATE orders SET doneness = 'b' WHERE \"offset\" "
			    "IN (1, 4)");
		(void)pg_free(pg);
		CHECK_RUN(
			"shadow diff", FAILED,
			"the first wrong decision: order "
			"01900000-0000-7000-8000-000000000001 at orders/0@1: "
			"live "
			"'picked 2 bread;1 cheese, light, pick v2', shadow "
			"'picked 2 "
			"bread;1 cheese, burnt, pick v2': it is another order");
	}
END_TEST

/* ---- what is refused ---- */

static const struct {
	const char *line, *said;
	int status;
} lines[] = {
	{ "shadow diff", "there is no shadow", FAILED },
	{ "shadow run", "there is no shadow", FAILED },
	{ "shadow start chillybin", "start wants --from", USED_WRONGLY },
	{ "shadow start jafflr --from /bin", "it drives grills", FAILED },
	{ "shadow start tally --from /bin", "'tally' has no shadow", FAILED },
	{ "shadow start chillybin --from /nowhere",
	  "'/nowhere/chillybin' is no program", FAILED },
	{ "shadow diff --schema shadow_green", "is the shadow's",
	  USED_WRONGLY },
};

START_TEST(what_cannot_be_done_is_said)
	{
		CHECK_RUN(lines[_i].line, lines[_i].status, lines[_i].said);
	}
END_TEST

START_TEST(a_candidate_runs_alone_and_not_without_its_copy)
	{
		make_shadow();
		execute_sql("INSERT INTO " SHADOW_SCHEMA
			    ".heartbeats VALUES ('me', "
			    "'chillybin', 'green', '1', 's', now(), now(), "
			    "true, NULL, "
			    "'[]')");
		CHECK_RUN("shadow run", FAILED,
			  "a candidate runs already: 'me'");
		execute_sql("TRUNCATE " SHADOW_SCHEMA ".heartbeats; "
			    "UPDATE " SHADOW_SCHEMA
			    ".shadow SET complete = false");
		CHECK_RUN("shadow run", FAILED, "is not complete");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shadow");
	TCase *tcase = database_case(suite);

	tcase_add_checked_fixture(tcase, remove_shadow, NULL);
	tcase_add_test(tcase, a_shadow_begins_where_the_live_version_is);
	tcase_add_test(tcase,
		       what_was_decided_behind_the_cut_is_undone_in_the_copy);
	tcase_add_test(
		tcase,
		of_lanes_that_are_not_level_the_lowest_position_is_the_cut);
	tcase_add_test(tcase,
		       a_candidate_can_write_no_table_that_is_not_the_shadows);
	tcase_add_test(tcase, a_candidate_can_do_nothing_else_either);
	tcase_add_test(tcase, what_a_worker_needs_is_allowed);
	tcase_add_test(tcase,
		       a_candidate_is_let_in_by_the_password_of_its_shadow);
	tcase_add_test(tcase, a_role_that_everybody_lets_write_is_refused);
	tcase_add_test(tcase, equal_decisions_are_no_difference);
	tcase_add_test(
		tcase,
		a_difference_is_wrong_unless_the_shadows_history_explains_it);
	tcase_add_test(
		tcase,
		an_older_order_that_only_one_has_cancelled_since_is_a_difference);
	tcase_add_test(tcase, the_first_wrong_decision_is_named_with_its_place);
	tcase_add_loop_test(tcase, what_cannot_be_done_is_said, 0,
			    (int)(sizeof(lines) / sizeof(lines[0])));
	tcase_add_test(tcase, a_candidate_runs_alone_and_not_without_its_copy);
	return postgres_run(suite);
}
