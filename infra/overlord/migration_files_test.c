/* SPDX-License-Identifier: MIT */
/* Migration files: names, order, and where the files are. */
#include <sys/stat.h>

#include "infra/overlord/migrations.h"
#include "infra/overlord/overlord_fixture.h"

static const struct {
	const char *file;
	int64_t version;
	const char *name;
	enum direction direction;
} good[] = {
	{ "0001_positions.up.sql", 1, "positions", UP },
	{ "0001_positions.down.sql", 1, "positions", DOWN },
	{ "12_two_words.up.sql", 12, "two_words", UP },
	{ "20260131120000_by-the-clock.up.sql", 20260131120000, "by-the-clock",
	  UP },
};

START_TEST(a_name_of_golang_migrate_is_read_into_its_parts)
	{
		struct migration_set set = { 0 };

		ck_assert_int_eq(migration_set_add(&set, good[_i].file), 0);
		ck_assert_int_eq(set.rows[0].version, good[_i].version);
		ck_assert_str_eq(set.rows[0].name, good[_i].name);
		ck_assert_str_eq(set.rows[0].files[good[_i].direction],
				 good[_i].file);
		migration_set_deinit(&set);
	}
END_TEST

/* @said "": it is as it should be. */
static const struct {
	const char *files[5], *said;
} sets[] = {
	{ { "2_b.up.sql", "1_a.down.sql", "2_b.down.sql", "1_a.up.sql" }, "" },
	{ { NULL }, "" },
	{ { "1_a.up.sql", "1_a.down.sql", "3_c.up.sql", "3_c.down.sql" },
	  "version 2 is missing before '3_c.up.sql'" },
	{ { "2_b.up.sql", "2_b.down.sql" }, "version 1 is missing" },
	{ { "1_a.up.sql", "1_b.up.sql" },
	  "version 1 is there twice: '1_b.up.sql' and '1_a.up.sql'" },
	{ { "1_a.up.sql", "01_a.up.sql" }, "version 1 is there twice" },
	{ { "1_a.up.sql", "1_b.down.sql" }, "version 1 is there twice" },
	{ { "1_a.up.sql" }, "'1_a.up.sql' has no down file beside it" },
	{ { "1_a.down.sql" }, "'1_a.down.sql' has no up file beside it" },
};

START_TEST(a_set_is_in_order_without_gaps_and_goes_both_ways)
	{
		struct migration_set set = { 0 };
		int r = 0;

		said_begin();
		for (size_t i = 0; !r && sets[_i].files[i]; i++)
			r = migration_set_add(&set, sets[_i].files[i]);
		if (!r)
			r = migration_set_check(&set);
		said_end();
		ck_assert_int_eq(r, *sets[_i].said ? VERB_E_FAILED : 0);
		CHECK_SAID(sets[_i].said);
		for (size_t i = 0; !r && i < set.n_rows; i++)
			ck_assert_int_eq(set.rows[i].version, (int64_t)i + 1);
		migration_set_deinit(&set);
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
		struct migration_set set = { 0 };

		said_begin();
		ck_assert_int_eq(migration_set_add(&set, bad[_i]),
				 VERB_E_FAILED);
		said_end();
		CHECK_SAID("is no migration's name");
		ck_assert_uint_eq(set.n_rows, 0);
	}
END_TEST

START_TEST(migrations_are_found_here_or_it_says_where_it_looked)
	{
		char dir[] = "/tmp/migrations-test.XXXXXX";
		char found[MIGRATION_PATH_MAX];

		ck_assert_ptr_nonnull(mkdtemp(dir));
		ck_assert_int_eq(chdir(dir), 0);
		CHECK_RUN("migrate status", FAILED,
			  "'migrations' of this folder");
		CHECK_SAID("share/toasties-galore");
		CHECK_SAID("HINT: MIGRATIONS_DIR");
		/* Somebody else's. */
		ck_assert_int_eq(mkdir("migrations", 0700), 0);
		CHECK_RUN("migrate status", FAILED, "there are no migrations");
		ck_assert_int_eq(mkdir("migrations/control", 0700), 0);
		ck_assert_int_eq(migration_folder(found), 0);
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
	Suite *suite = suite_create("migration_files");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase,
			    a_name_of_golang_migrate_is_read_into_its_parts, 0,
			    CHECK_N(good));
	tcase_add_loop_test(tcase, any_other_name_is_refused, 0, CHECK_N(bad));
	tcase_add_loop_test(tcase,
			    a_set_is_in_order_without_gaps_and_goes_both_ways,
			    0, CHECK_N(sets));
	tcase_add_test(tcase,
		       migrations_are_found_here_or_it_says_where_it_looked);
	tcase_add_test(tcase, a_checksum_is_sha_256_of_the_bytes);
	return check_run(suite);
}
