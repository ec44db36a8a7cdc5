/* SPDX-License-Identifier: MIT */
/* Out: the same rows as a table and as JSON, whatever stands in the cells. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "infra/overlord/out.h"
#include "infra/overlord/overlord_fixture.h"

static struct out *table_new(bool json)
{
	static const struct out_column columns[] = {
		{ "text", OUT_TEXT }, { "number", OUT_NUMBER },
		{ "bool", OUT_BOOL }, { "time", OUT_TIME },
		{ NULL, 0 },
	};

	return out_new("things", json, columns);
}

static json_t *answer(struct out *out)
{
	json_error_t error;
	json_t *json;

	said_begin();
	ck_assert_int_eq(out_print(out), 0);
	said_end();
	json = json_loads(said, 0, &error);
	ck_assert_msg(json, "%s: %s", error.text, said);
	return json;
}

START_TEST(json_of_no_rows_is_an_empty_list)
	{
		struct out *out = table_new(true);
		json_t *json = answer(out);
		json_t *rows = json_object_get(json, "things");

		ck_assert(json_is_array(rows));
		ck_assert_uint_eq(json_array_size(rows), 0);
		json_decref(json);
		(void)out_free(out);
	}
END_TEST

static const char *const texts[] = {
	"plain",      "with \"quotes\" and \\", "two\nlines", "a\ttab",
	"Zo\xc3\xab", "\x01 control",
};

START_TEST(json_has_each_text_as_it_is)
	{
		struct out *out = table_new(true);
		json_t *json, *row;

		out_row(out);
		out_cell(out, "%s", texts[_i]);
		out_cell(out, "%d", -7);
		out_cell_bool(out, true);
		out_cell_wall_ms(out, 1000);
		json = answer(out);
		row = json_array_get(json_object_get(json, "things"), 0);
		ck_assert_str_eq(
			json_string_value(json_object_get(row, "text")),
			texts[_i]);
		ck_assert_int_eq(
			json_integer_value(json_object_get(row, "number")), -7);
		ck_assert(json_is_true(json_object_get(row, "bool")));
		ck_assert_str_eq(
			json_string_value(json_object_get(row, "time")),
			"1970-01-01T00:00:01.000Z");
		json_decref(json);
		(void)out_free(out);
	}
END_TEST

START_TEST(a_cell_without_a_value_is_null_in_json_and_empty_in_a_table)
	{
		struct out *out = table_new(true);
		json_t *json, *row, *value;
		const char *key;

		out_row(out);
		for (int i = 0; i < 4; i++)
			out_cell_none(out);
		json = answer(out);
		row = json_array_get(json_object_get(json, "things"), 0);
		ck_assert_uint_eq(json_object_size(row), 4);
		json_object_foreach(row, key, value) ck_assert_msg(
			json_is_null(value) || !strcmp(key, "bool"), "%s", key);
		json_decref(json);
		(void)out_free(out);
	}
END_TEST

START_TEST(a_table_in_a_pipe_keeps_each_row_on_one_line)
	{
		struct out *out = table_new(false);
		char wide[400];

		memset(wide, 'w', sizeof(wide) - 1);
		wide[sizeof(wide) - 1] = '\0';
		out_row(out);
		out_cell(out, "first\nsecond\x1b[31m");
		out_cell(out, "%s", wide);
		said_begin();
		ck_assert_int_eq(out_print(out), 0);
		said_end();
		CHECK_SAID("first\\x0asecond\\x1b[31m");
		CHECK_SAID(wide);
		(void)out_free(out);
	}
END_TEST

START_TEST(an_answer_that_stdout_refuses_is_a_fault)
	{
		struct out *out = table_new(true);
		int r;

		said_begin();
		ck_assert_int_ge(dup2(open("/dev/full", O_WRONLY | O_CLOEXEC),
				      STDOUT_FILENO),
				 0);
		r = out_print(out);
		clearerr(stdout);
		said_end();
		ck_assert_int_eq(r, -EIO);
		CHECK_SAID("could not be written to stdout");
		(void)out_free(out);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("out");
	TCase *tcase = check_case(suite, 20);

	tcase_add_test(tcase, json_of_no_rows_is_an_empty_list);
	tcase_add_loop_test(tcase, json_has_each_text_as_it_is, 0,
			    CHECK_N(texts));
	tcase_add_test(
		tcase,
		a_cell_without_a_value_is_null_in_json_and_empty_in_a_table);
	tcase_add_test(tcase, a_table_in_a_pipe_keeps_each_row_on_one_line);
	tcase_add_test(tcase, an_answer_that_stdout_refuses_is_a_fault);
	return check_run(suite);
}
