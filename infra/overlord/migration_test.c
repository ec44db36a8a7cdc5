/* SPDX-License-Identifier: MIT */
/* Migration: names, order, and where the files are. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"
#include "infra/overlord/migration.h"

static const struct {
	const char *file;
	int64_t version;
	const char *name;
	bool up;
} good[] = {
	{ "0001_positions.up.sql", 1, "positions", true },
	{ "0001_positions.down.sql", 1, "positions", false },
	{ "12_two_words.up.sql", 12, "two_words", true },
	{ "20260131120000_by-the-clock.up.sql", 20260131120000, "by-the-clock",
	  true },
};

START_TEST(a_name_of_golang_migrate_is_read_into_its_parts)
	{
		char name[MIGRATION_NAME_MAX];
		int64_t version;
		bool up;

		ck_assert_int_eq(
			migration_parse(good[_i].file, &version, name, &up), 0);
		ck_assert_int_eq(version, good[_i].version);
		ck_assert_str_eq(name, good[_i].name);
		ck_assert_int_eq(up, good[_i].up);
	}
END_TEST

static const char *const bad[] = {
	"",
	"positions.up.sql",
	"0001.up.sql",
	"0001_.up.sql",
	"0001_a.sql",
	"0001_a.up.SQL",
	"0000_zero.up.sql",
	"-1_minus.up.sql",
	"1x_a.up.sql",
	"0001_a b.up.sql",
	"0001_a.up.sql.bak",
	"0001_a.x.up.sql",
	"99999999999999999999_a.up.sql",
};

START_TEST(any_other_name_is_refused)
	{
		char name[MIGRATION_NAME_MAX];
		int64_t version = 77;
		bool up;

		ck_assert_int_eq(migration_parse(bad[_i], &version, name, &up),
				 MIGRATION_E_NAME);
		ck_assert_int_eq(version, 77);
	}
END_TEST

static const struct {
	const char *files[6];
	int outcome;
	const char *said;
} sets[] = {
	{ { "2_b.up.sql", "1_a.down.sql", "2_b.down.sql", "1_a.up.sql" },
	  0,
	  "" },
	{ { NULL }, 0, "" },
	{ { "1_a.up.sql", "1_a.down.sql", "3_c.up.sql", "3_c.down.sql" },
	  MIGRATION_E_ORDER,
	  "version 2 is missing before '3_c.up.sql'" },
	{ { "2_b.up.sql", "2_b.down.sql" },
	  MIGRATION_E_ORDER,
	  "version 1 is missing" },
	{ { "1_a.up.sql", "1_b.up.sql" },
	  MIGRATION_E_ORDER,
	  "version 1 is there twice: '1_b.up.sql' and '1_a.up.sql'" },
	{ { "1_a.up.sql", "01_a.up.sql" },
	  MIGRATION_E_ORDER,
	  "version 1 is there twice" },
	{ { "1_a.up.sql", "1_b.down.sql" },
	  MIGRATION_E_ORDER,
	  "version 1 is there twice" },
	{ { "1_a.up.sql" },
	  MIGRATION_E_ORDER,
	  "'1_a.up.sql' has no down file beside it" },
	{ { "1_a.down.sql" },
	  MIGRATION_E_ORDER,
	  "'1_a.down.sql' has no up file beside it" },
	{ { "notes.sql" }, MIGRATION_E_NAME, "'notes.sql' is no migration's" },
};

START_TEST(a_set_is_in_order_without_gaps_and_goes_both_ways)
	{
		struct migration_fault fault = { "" };
		struct migration_set set = { 0 };
		int r = 0;

		for (size_t i = 0; !r && sets[_i].files[i]; i++)
			r = migration_set_add(&set, sets[_i].files[i], &fault);
		if (!r)
			r = migration_set_check(&set, &fault);
		ck_assert_int_eq(r, sets[_i].outcome);
		ck_assert_msg(strstr(fault.what, sets[_i].said), "%s",
			      fault.what);
		for (size_t i = 0; !r && i < set.n_rows; i++)
			ck_assert_int_eq(set.rows[i].version, (int64_t)i + 1);
		migration_set_deinit(&set);
	}
END_TEST

START_TEST(a_folder_that_is_not_there_is_named)
	{
		struct migration_fault fault = { "" };
		struct migration_set set;

		ck_assert_int_eq(
			migration_set_load(&set, "/nonexistent", &fault),
			MIGRATION_E_FILE);
		ck_assert(strstr(fault.what, "'/nonexistent'"));
		migration_set_deinit(&set);
	}
END_TEST

START_TEST(migrations_are_found_here_or_it_says_where_it_looked)
	{
		char dir[] = "/tmp/migrations-test.XXXXXX";
		char found[MIGRATION_PATH_MAX];
		struct migration_fault fault = { "" };

		ck_assert_ptr_nonnull(mkdtemp(dir));
		ck_assert_int_eq(chdir(dir), 0);
		ck_assert_int_eq(migration_folder(found, &fault),
				 MIGRATION_E_FILE);
		ck_assert(strstr(fault.what, "'migrations' of this folder"));
		ck_assert(strstr(fault.what, "share/toasties-galore"));
		/* Somebody else's. */
		ck_assert_int_eq(mkdir("migrations", 0700), 0);
		ck_assert_int_eq(migration_folder(found, &fault),
				 MIGRATION_E_FILE);
		ck_assert_int_eq(mkdir("migrations/control", 0700), 0);
		ck_assert_int_eq(migration_folder(found, &fault), 0);
		ck_assert_str_eq(found, "migrations");
		ck_assert_int_eq(rmdir("migrations/control"), 0);
		ck_assert_int_eq(rmdir("migrations"), 0);
		ck_assert_int_eq(rmdir(dir), 0);
	}
END_TEST

START_TEST(a_checksum_is_sha_256_of_the_bytes)
	{
		char checksum[CHECKSUM_CHARS + 1];

		migration_checksum("abc", 3, checksum);
		ck_assert_str_eq(checksum, "ba7816bf8f01cfea414140de5dae2223"
					   "b00361a396177a9cb410ff61f20015ad");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("migration");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase,
			    a_name_of_golang_migrate_is_read_into_its_parts, 0,
			    CHECK_N(good));
	tcase_add_loop_test(tcase, any_other_name_is_refused, 0, CHECK_N(bad));
	tcase_add_loop_test(tcase,
			    a_set_is_in_order_without_gaps_and_goes_both_ways,
			    0, CHECK_N(sets));
	tcase_add_test(tcase, a_folder_that_is_not_there_is_named);
	tcase_add_test(tcase,
		       migrations_are_found_here_or_it_says_where_it_looked);
	tcase_add_test(tcase, a_checksum_is_sha_256_of_the_bytes);
	return check_run(suite);
}
