/* SPDX-License-Identifier: MIT */
/*
 * Events: the two tables agree, and every version is found.
 */
#include "schemas/events.h"

#include "schemas/fixture.h"

START_TEST(each_type_is_found_by_its_name_and_has_a_version)
	{
		const struct event_kind *kind = &event_kinds[_i];

		ck_assert_int_eq(kind->type, _i);
		ck_assert_int_eq(event_type_find(kind->name), kind->type);
		ck_assert_int_ge(event_newest(kind->type), 1);
		ck_assert_str_ne(kind->sentence, "");
	}
END_TEST

START_TEST(versions_are_sorted_and_each_is_found)
	{
		const struct event_version *version = event_versions;

		for (size_t i = 0; i < n_event_versions; i++, version++) {
			ck_assert_ptr_eq(event_version_find(version->type,
							    version->version),
					 version);
			ck_assert_int_le(version->version,
					 event_newest(version->type));
			if (i > 0)
				ck_assert(version[-1].type < version->type ||
					  (version[-1].type == version->type &&
					   version[-1].version <
						   version->version));
		}
	}
END_TEST

/* galore.order.placed v2: schemas/json/order_placed.v2.schema.json */
static void schema_path(char *path, size_t cap,
			const struct event_version *version)
{
	const char *name = event_kinds[version->type].name.p;
	int n;

	n = snprintf(path, cap, "schemas/json/%s", name + strlen("galore."));
	for (char *p = path + strlen("schemas/json/"); *p; p++)
		if (*p == '.')
			*p = '_';
	(void)snprintf(path + n, cap - (size_t)n, ".v%d.schema.json",
		       version->version);
}

static void expect_in_file(const char *path, const char *text)
{
	static char file[65536];
	FILE *in = fopen(path, "r");

	ck_assert_msg(in != NULL, "%s is missing", path);
	file[fread(file, 1, sizeof(file) - 1, in)] = '\0';
	(void)fclose(in);
	ck_assert_msg(strstr(file, text) != NULL, "%s lacks %s", path, text);
}

START_TEST(every_version_has_its_json_schema_and_stands_in_asyncapi)
	{
		char path[128], id[128];

		for (size_t i = 0; i < n_event_versions; i++) {
			schema_path(path, sizeof(path), &event_versions[i]);
			(void)snprintf(
				id, sizeof(id),
				"\"$id\": \"urn:toasties-galore:%s:v%d\"",
				event_kinds[event_versions[i].type].name.p,
				event_versions[i].version);
			expect_in_file(path, id);
			expect_in_file("schemas/asyncapi.yaml",
				       path + strlen("schemas/json/"));
		}
	}
END_TEST

START_TEST(what_never_shipped_is_not_found)
	{
		ck_assert_int_eq(event_type_find(TEXT("galore.order")),
				 EVENT_NONE);
		ck_assert_int_eq(event_type_find(TEXT("")), EVENT_NONE);
		ck_assert_ptr_null(event_version_find(EVENT_PICK, 3));
		ck_assert_ptr_null(event_version_find(EVENT_PICK, 0));
		ck_assert_ptr_null(event_version_find(EVENT_NONE, 1));
		ck_assert_int_eq(event_newest(EVENT_PICK), 2);
		ck_assert_int_eq(event_newest(EVENT_NONE), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("events");
	TCase *tcase = tcase_create("events");

	tcase_add_loop_test(tcase,
			    each_type_is_found_by_its_name_and_has_a_version,
			    EVENT_NONE + 1, N_EVENT_TYPES);
	tcase_add_test(tcase, versions_are_sorted_and_each_is_found);
	tcase_add_test(
		tcase,
		every_version_has_its_json_schema_and_stands_in_asyncapi);
	tcase_add_test(tcase, what_never_shipped_is_not_found);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
