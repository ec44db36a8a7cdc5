/* SPDX-License-Identifier: MIT */
/*
 * Plan file: on a real database. A plan that was saved does later what it
 * showed, or nothing at all.
 */
#include <sys/stat.h>

#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/overlord/database_fixture.h"
#include "infra/overlord/plan/plan_file.h"
#include "schemas/topics.h"

static char dir[32], path[64];

static void make_folder(void)
{
	(void)str_copy(dir, sizeof(dir), "/tmp/overlord-plan.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/plan", dir);
}

static void remove_folder(void)
{
	(void)unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* Runs @line with the plan's path behind it, and @more behind that. */
static int with_path(const char *line, const char *more)
{
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "%s %s%s", line, path, more);
	return overlord(whole);
}

static void save(const char *line)
{
	char whole[256];

	(void)snprintf(whole, sizeof(whole), "%s --plan", line);
	ck_assert_msg(with_path(whole, "") == DONE, "%s", said);
	CHECK_SAID("the plan is saved; overlord apply /tmp/overlord-plan.");
}

static int apply(const char *more)
{
	return with_path("apply", more);
}

#define CHECK_APPLY(more, status, text)                                        \
	do {                                                                   \
		int r_ = apply(more);                                          \
		ck_assert_msg(r_ == (status) && strstr(said, text),            \
			      "it came to %d: %s", r_, said);                  \
	} while (0)

static json_t *load(void)
{
	json_t *json = json_load_file(path, 0, NULL);

	ck_assert_ptr_nonnull(json);
	return json;
}

/* With the digest that it would have had. */
static void store(json_t *json)
{
	char digest[ARTIFACT_DIGEST_CHARS + 1], *text;

	(void)json_object_del(json, "digest");
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	artifact_digest(text, strlen(text), digest);
	free(text);
	(void)json_object_set_new(json, "digest", json_string(digest));
	ck_assert_int_eq(json_dump_file(json, path, 0), 0);
	json_decref(json);
}

#define SET_LEFT "grill set left --address h:1 --plates 2 --stalls a,b"

START_TEST(a_plan_that_is_saved_is_shown_then_done_then_stale)
	{
		save(SET_LEFT);
		CHECK_SAID("NOT_ATTEMPTED");
		CHECK_APPLY("", DONE, "NOT_ATTEMPTED");
		CHECK_APPLY(" --dry-run --json", DONE, "\"plan\": [");
		CHECK_COUNT(0, "control.grills");
		CHECK_APPLY(" --execute", DONE, "CONFIRMED");
		CHECK_COUNT(1, "control.grills WHERE stalls = '{a,b}' AND "
			       "grill = 'left' AND address = 'h:1'");
		CHECK_APPLY(" --execute", FAILED,
			    "is stale: step 1 was planned as 'left': "
			    "'missing', then 'h:1 unit 1, 2 plates, stalls "
			    "a,b'; and now it would be 'left': 'h:1 unit 1, 2 "
			    "plates, stalls a,b', and so it stays");
		CHECK_COUNT(1, "control.audit");
	}
END_TEST

START_TEST(the_audit_says_who_applied_it_and_who_made_which_plan)
	{
		char from[256];
		json_t *json;

		save(SET_LEFT " --who planner");
		json = load();
		CHECK_APPLY(" --execute --who doer", DONE, "CONFIRMED");
		(void)snprintf(
			from, sizeof(from),
			"control.audit WHERE who = 'doer' AND verb = 'grill "
			"set' AND what->>'grill' = 'left' AND what->'plan'->>"
			"'who' = 'planner' AND what->'plan'->>'digest' = '%s'",
			json_string_value(json_object_get(json, "digest")));
		CHECK_COUNT(1, from);
		json_decref(json);
	}
END_TEST

START_TEST(what_another_changed_meanwhile_makes_it_stale)
	{
		CHECK_RUN(SET_LEFT " --execute", DONE, "CONFIRMED");
		save("grill disable left");
		CHECK_RUN("grill remove left --execute", DONE, "CONFIRMED");
		CHECK_APPLY(" --execute", FAILED, "there is no grill 'left'");
		CHECK_RUN(SET_LEFT " --execute", DONE, "CONFIRMED");
		CHECK_RUN("grill disable left --execute", DONE, "CONFIRMED");
		CHECK_APPLY(" --execute", FAILED,
			    "'enabled', then 'disabled'; and now it would be "
			    "'left': 'disabled', and so it stays");
	}
END_TEST

START_TEST(what_orders_take_meanwhile_makes_a_count_stale_and_no_restock)
	{
		execute_sql("INSERT INTO stock VALUES ('main', 'ham', 9)");
		save("restock main ham 5");
		execute_sql("UPDATE stock SET quantity = 7");
		CHECK_APPLY("", DONE, "main/ham 7   12 (added: +5)");
		execute_sql("TRUNCATE stock");
		CHECK_APPLY("", FAILED,
			    "planned as 'main/ham': 'there', then '5'; and now "
			    "it would be 'main/ham': 'not there, a new stall'");
		execute_sql("INSERT INTO stock VALUES ('main', 'ham', 9)");
		save("restock main ham 5 --count");
		CHECK_APPLY("", DONE, "5 (counted: 5)");
		execute_sql("UPDATE stock SET quantity = 7");
		CHECK_APPLY("", FAILED,
			    "planned as 'main/ham': '9', then '5 (counted: "
			    "5)'; and now it would be 'main/ham': '7'");
	}
END_TEST

START_TEST(a_restock_is_applied_and_its_audit_row_says_of_which_plan)
	{
		mock_start("restocks", TOPIC_PARTITIONS);
		set_env("KAFKA_BROKERS", mock_brokers());
		execute_sql("INSERT INTO stock VALUES ('main', 'ham', 9)");
		save("restock main ham 5");
		execute_sql("UPDATE stock SET quantity = 7");
		CHECK_APPLY(" --execute", DONE, "CONFIRMED");
		CHECK_COUNT(1, "control.audit WHERE verb = 'restock' AND "
			       "what->>'position' LIKE 'restocks/%' AND "
			       "what->'plan'->>'who' = 'tester'");
		mock_stop();
	}
END_TEST

/* What a rehearsal shows of a step is not what it is compared by. */
START_TEST(a_migration_is_planned_with_what_its_rehearsal_showed)
	{
		char files[64], line[128];

		(void)snprintf(files, sizeof(files), "%s/m", dir);
		ck_assert_int_eq(mkdir(files, 0700), 0);
		write_file(files, "0001_a.up.sql", "CREATE TABLE a (n int);");
		write_file(files, "0001_a.down.sql", "DROP TABLE a;");
		(void)snprintf(line, sizeof(line),
			       "migrate up --set service --schema other "
			       "--dir %s",
			       files);
		save(line);
		CHECK_APPLY(" --execute", DONE, "CONFIRMED");
		(void)snprintf(line, sizeof(line),
			       "migrate down --to 0 --schema other --dir %s",
			       files);
		save(line);
		CHECK_SAID("without the tables a");
		CHECK_APPLY(" --execute", DONE, "CONFIRMED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_class WHERE "
					"relname = 'a'"),
				 0);
		execute_sql("DROP SCHEMA other CASCADE");
		(void)snprintf(line, sizeof(line), "rm -r %s", files);
		ck_assert_int_eq(system(line), 0); /* NOLINT: fixed text */
	}
END_TEST

/* ---- what is no plan, or of something else ---- */

static const struct {
	const char *text, *said;
} broken[] = {
	{ "", "is damaged, or is none: line 1: " },
	{ "{ \"format\": 1, \"verb\": \"gri",
	  "is damaged, or is none: line 1" },
	{ "[1]", "is no plan of overlord's" },
	{ "{}", "is no plan of overlord's" },
	{ "{\"format\": 2}", "has the format 2, and this overlord reads 1" },
	{ "{\"format\": 1}", "is damaged: its content has the digest " },
};

START_TEST(a_file_that_is_no_plan_is_refused)
	{
		CHECK_APPLY("", FAILED, "cannot be read: No such file");
		write_file(dir, "plan", broken[_i].text);
		CHECK_APPLY(" --execute", FAILED, broken[_i].said);
		CHECK_SAID("HINT: ");
	}
END_TEST

/* Each byte of it, one after the other. */
START_TEST(a_byte_that_changed_is_noticed_wherever_it_is)
	{
		char text[4096] = "", hurt[4096];
		FILE *file;
		size_t n;

		save(SET_LEFT);
		file = fopen(path, "re");
		n = fread(text, 1, sizeof(text) - 1, file);
		(void)fclose(file);
		for (size_t i = 0; i < n; i++) {
			if (strchr(" \n", text[i]))
				continue;
			memcpy(hurt, text, sizeof(hurt));
			hurt[i] ^= 1;
			write_file(dir, "plan", hurt);
			ck_assert_msg(apply("") == FAILED, "%s", hurt);
		}
	}
END_TEST

static const struct {
	const char *object, *key, *value, *said;
} others[] = {
	{ NULL, "verb", "grill paint",
	  "of the verb 'grill paint', and there is none that writes" },
	{ NULL, "verb", "status", "there is none that writes" },
	{ NULL, "verb", "apply", "there is none that writes" },
	{ NULL, "verb", "grill enable", "'grill enable' has changed since" },
	{ "where", "brokers", "h:1",
	  "was made for the brokers 'h:1', and here it is '127.0.0.1:1'" },
	{ "where", "suffix", "x", "was made for the suffix 'x'" },
	{ "where", "schema", "other", "was made for the schema 'other'" },
	{ "where", "database", "x", "was made for the database 'x'" },
	{ "where", "cluster", "1", "was made for the cluster '1'" },
	{ "options", "--colour", "red", "'grill set' has changed since" },
};

START_TEST(a_plan_of_something_else_is_refused_and_says_of_what)
	{
		json_t *json, *at;

		save(SET_LEFT);
		json = load();
		at = others[_i].object
			     ? json_object_get(json, others[_i].object)
			     : json;
		(void)json_object_set_new(at, others[_i].key,
					  json_string(others[_i].value));
		store(json);
		CHECK_APPLY(" --execute", FAILED, others[_i].said);
		CHECK_COUNT(0, "control.grills");
	}
END_TEST

START_TEST(no_password_stands_in_a_plan)
	{
		char with[512], text[4096] = "";
		FILE *file;

		(void)snprintf(with, sizeof(with), "%s%spassword=canary", url,
			       strchr(url, '?') ? "&" : "?");
		set_env("DATABASE_URL", with);
		save(SET_LEFT);
		file = fopen(path, "re");
		ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
		(void)fclose(file);
		ck_assert_ptr_null(strstr(text, "canary"));
		set_env("DATABASE_URL", url);
	}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_a_failure)
	{
		CHECK_RUN(SET_LEFT " --plan /nowhere/plan", FAILED,
			  "the plan cannot be saved in '/nowhere/plan'");
		CHECK_RUN(SET_LEFT " --plan /dev/full", FAILED,
			  "the plan cannot be saved in '/dev/full'");
		CHECK_RUN(SET_LEFT " --plan x --execute", USED_WRONGLY,
			  "'--execute' and '--plan' exclude each other");
	}
END_TEST

/* ---- every verb ---- */

static const struct {
	const char *name, *arguments;
} verbs[] = {
#define VERB(name, function, arguments, ...) { name, arguments },
#include "infra/overlord/overlord.def"
#undef VERB
};

START_TEST(every_verb_that_writes_saves_a_plan_and_no_other_does)
	{
		char line[128];
		bool writes = options_named(verbs[_i].arguments, "--execute");

		(void)snprintf(line, sizeof(line), "%s --plan", verbs[_i].name);
		(void)overlord(line);
		ck_assert_msg(!!strstr(said, "'--plan' wants a value") ==
				      writes,
			      "%s: %s", line, said);
		ck_assert_msg(!!strstr(said, "'--plan' is not one") != writes,
			      "%s: %s", line, said);
		(void)snprintf(line, sizeof(line), "%s --help", verbs[_i].name);
		CHECK_RUN(line, DONE, "Options:");
		ck_assert_msg(!!strstr(said, "  --plan ") == writes, "%s",
			      said);
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ a_plan_that_is_saved_is_shown_then_done_then_stale, 1 },
		{ the_audit_says_who_applied_it_and_who_made_which_plan, 1 },
		{ what_another_changed_meanwhile_makes_it_stale, 1 },
		{ what_orders_take_meanwhile_makes_a_count_stale_and_no_restock,
		  1 },
		{ a_restock_is_applied_and_its_audit_row_says_of_which_plan,
		  1 },
		{ a_migration_is_planned_with_what_its_rehearsal_showed, 1 },
		{ a_file_that_is_no_plan_is_refused, CHECK_N(broken) },
		{ a_byte_that_changed_is_noticed_wherever_it_is, 1 },
		{ a_plan_of_something_else_is_refused_and_says_of_what,
		  CHECK_N(others) },
		{ no_password_stands_in_a_plan, 1 },
		{ a_file_that_cannot_be_written_is_a_failure, 1 },
		{ every_verb_that_writes_saves_a_plan_and_no_other_does,
		  CHECK_N(verbs) },
		{ 0 },
	};
	Suite *suite = suite_create("plan_file");
	TCase *tcase = database_case(suite);

	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	check_add(tcase, rows);
	return postgres_run(suite);
}
