/* SPDX-License-Identifier: MIT */
/* Migration files: names, order, and where the files are. */
#include <sys/stat.h>

#include "infra/overlord/migrations/migrations.h"
#include "infra/overlord/overlord_fixture.h"

static char folder[] = "/tmp/migrations-test.XXXXXX";
static struct migrator migrator;

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)str_copy(migrator.dir, sizeof(migrator.dir), folder);
}

static void end(void)
{
	char line[128];

	migrator_deinit(&migrator);
	(void)snprintf(line, sizeof(line), "rm -rf -- %s", folder);
	ck_assert_int_eq(system(line), 0); /* NOLINT: our own folder */
}

/* @said "": it is as it should be. */
static const struct {
	const char *files[5], *said;
} sets[] = {
	{ { "2_b.up.sql", "1_a.down.sql", "2_b.down.sql", "1_a.up.sql" }, "" },
	{ { "0001_two_words.up.sql", "0001_two_words.down.sql" }, "" },
	{ { "01_by-the-Clock9.up.sql", "1_by-the-Clock9.down.sql" }, "" },
	{ { "1_a.up.sql", "1_a.down.sql", "README.md", "1_a.up.sql.bak" }, "" },
	{ { NULL }, "" },
	{ { "1_a.up.sql", "1_a.down.sql", "3_c.up.sql", "3_c.down.sql" },
	  "version 2 is missing before '3_c.up.sql'" },
	{ { "2_b.up.sql", "2_b.down.sql" }, "version 1 is missing" },
	{ { "20260131120000_a.up.sql" },
	  "version 1 is missing before '20260131120000_a.up.sql'" },
	{ { "1_a.up.sql", "1_b.up.sql" },
	  "version 1 is there twice: '1_b.up.sql' and '1_a.up.sql'" },
	{ { "1_a.up.sql", "01_a.up.sql" }, "version 1 is there twice" },
	{ { "1_a.up.sql", "1_b.down.sql" }, "version 1 is there twice" },
	{ { "1_a.up.sql" }, "'1_a.up.sql' has no down file beside it" },
	{ { "1_a.down.sql" }, "'1_a.down.sql' has no up file beside it" },
	{ { "positions.up.sql" }, "is no migration's name" },
	{ { "0001.up.sql" }, "is no migration's name" },
	{ { "0001_.up.sql" }, "is no migration's name" },
	{ { "0001_a.sql" }, "is no migration's name" },
	{ { "0000_zero.up.sql" }, "is no migration's name" },
	{ { "-1_minus.up.sql" }, "is no migration's name" },
	{ { "1x_a.up.sql" }, "is no migration's name" },
	{ { "0001_a b.up.sql" }, "is no migration's name" },
	{ { "0001_a.x.up.sql" }, "is no migration's name" },
	{ { "99999999999999999999_a.up.sql" }, "is no migration's name" },
};

START_TEST(a_set_is_in_order_without_gaps_and_goes_both_ways)
	{
		int r;

		for (size_t i = 0; sets[_i].files[i]; i++)
			write_file(folder, sets[_i].files[i], "abc");
		said_begin();
		r = migrator_load(&migrator);
		said_end();
		ck_assert_int_eq(r, *sets[_i].said ? VERB_E_FAILED : 0);
		CHECK_SAID(sets[_i].said);
		for (size_t i = 0; i < migrator.n_rows; i++)
			ck_assert_int_eq(migrator.rows[i].version,
					 (int64_t)i + 1);
	}
END_TEST

START_TEST(a_migration_has_its_name_its_files_and_its_checksum)
	{
		const struct migration *row;

		write_file(folder, "0001_two-Words_9.up.sql", "abc");
		write_file(folder, "1_two-Words_9.down.sql", "");
		ck_assert_int_eq(migrator_load(&migrator), 0);
		ck_assert_uint_eq(migrator.n_rows, 1);
		row = &migrator.rows[0];
		ck_assert_str_eq(row->name, "two-Words_9");
		ck_assert_str_eq(row->files[UP], "0001_two-Words_9.up.sql");
		ck_assert_str_eq(row->texts[UP].p, "abc");
		ck_assert_str_eq(row->files[DOWN], "1_two-Words_9.down.sql");
		ck_assert_str_eq(row->texts[DOWN].p, "");
		/* SHA-256 of "abc". */
		ck_assert_str_eq(row->checksum,
				 "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad");
	}
END_TEST

START_TEST(migrations_are_found_here_or_it_says_where_it_looked)
	{
		struct verb verb = { .conf.migrations = "" };
		char found[MIGRATION_DIR_MAX];

		ck_assert_int_eq(chdir(folder), 0);
		CHECK_RUN("migrate status", FAILED,
			  "'migrations' of this folder");
		CHECK_SAID("share/toasties-galore");
		CHECK_SAID("HINT: MIGRATIONS_DIR");
		/* Somebody else's. */
		ck_assert_int_eq(mkdir("migrations", 0700), 0);
		CHECK_RUN("migrate status", FAILED, "there are no migrations");
		ck_assert_int_eq(mkdir("migrations/control", 0700), 0);
		ck_assert_int_eq(migration_folder(&verb, found), 0);
		ck_assert_str_eq(found, "migrations");
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ a_set_is_in_order_without_gaps_and_goes_both_ways,
		  CHECK_N(sets) },
		{ a_migration_has_its_name_its_files_and_its_checksum, 1 },
		{ migrations_are_found_here_or_it_says_where_it_looked, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("migration_files");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, begin, end);
	check_add(tcase, rows);
	return check_run(suite);
}
