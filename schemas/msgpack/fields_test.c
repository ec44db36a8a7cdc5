/* SPDX-License-Identifier: MIT */
/*
 * Fields: keys in any order, exact types, bounds, faults that name the place;
 * and that the same table writes what it reads.
 */
#include "schemas/msgpack/fields.h"

#include <errno.h>

#include "schemas/fixture.h"
#include "schemas/msgpack/reader.h"

struct pair {
	struct text name;
	int64_t left;
};

struct sample {
	uint8_t id[UUID_BYTES];
	struct text text, may_text, map;
	int64_t number, may_number;
	int32_t i32;
	bool yes;
	enum doneness doneness;
	struct pair *pairs;
	size_t n_pairs;
	struct text *texts;
	size_t n_texts;
};

static const struct field pair_rows[] = {
	FIELD_TEXT(struct pair, name, MUST),
	FIELD_I64(struct pair, left, NIL, 0, 9),
};

static const struct field_list pairs = { pair_rows, 2, sizeof(struct pair),
					 offsetof(struct sample, n_pairs) };
static const struct field_list texts = {
	.element_bytes = sizeof(struct text),
	.n_at = offsetof(struct sample, n_texts),
};

/* Each test reads one of them, or the whole. */
enum row {
	ID,
	TEXT,
	MAY_TEXT,
	MAP,
	NUMBER,
	MAY_NUMBER,
	I32,
	YES,
	DONE,
	N_ROWS
};

static const struct field rows[N_ROWS] = {
	[ID] = FIELD_UUID(struct sample, id, MUST),
	[TEXT] = FIELD_TEXT(struct sample, text, MUST),
	[MAY_TEXT] = FIELD_TEXT(struct sample, may_text, MAY),
	[MAP] = FIELD_MAP(struct sample, map, MAY, 8),
	[NUMBER] = FIELD_I64(struct sample, number, MUST, INT64_MIN, INT64_MAX),
	[MAY_NUMBER] = FIELD_I64(struct sample, may_number, MAY, 1, 9),
	[I32] = FIELD_I32(struct sample, i32, MUST, 1, INT32_MAX),
	[YES] = FIELD_BOOL(struct sample, yes, MAY),
	[DONE] = FIELD_CHOICE(struct sample, doneness, MAY, doneness_choice),
};

static const struct field list_rows[] = {
	FIELD_LIST(struct sample, pairs, 1, 2, pairs),
	FIELD_LIST(struct sample, texts, 0, 3, texts),
};

static struct fixture fixture;
static struct pair pair_storage[2];
static struct text text_storage[3];

static struct field_body body_of(const char *json)
{
	fixture_body(&fixture, json);
	return (struct field_body){ fixture.bytes, fixture.writer.n,
				    BODY_MAX_BYTES };
}

#define ID_TEXT "'018f3a1e-7c2b-7abc-8def-0123456789ab'"
#define ALL                                                                    \
	"{'id':" ID_TEXT ",'text':'bread','may_text':'x','map':{'y':1},"       \
	"'number':-7,'may_number':9,'i32':5,'yes':true,"                       \
	"'doneness':'burnt'}"

START_TEST(the_table_writes_what_it_reads)
	{
		const struct field_body body = body_of(ALL);
		struct sample sample = { 0 };
		uint8_t bytes[200];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_int_eq(
			fields_decode(&sample, rows, N_ROWS, &body, NULL), 0);
		fixture_text_eq(sample.text, "bread");
		fixture_text_eq(sample.map, "\x81\xa1y\x01");
		ck_assert_int_eq(sample.number, -7);
		ck_assert_int_eq(sample.i32, 5);
		ck_assert_int_eq(sample.doneness, DONENESS_BURNT);
		ck_assert_int_eq(fields_encode(&sample, rows, N_ROWS, &writer),
				 0);
		ck_assert_uint_eq(writer.n, fixture.writer.n);
		ck_assert_mem_eq(bytes, fixture.bytes, writer.n);
		writer = (struct msgpack_writer){ .p = bytes, .cap = 40 };
		ck_assert_int_eq(fields_encode(&sample, rows, N_ROWS, &writer),
				 -ENOBUFS);
	}
END_TEST

START_TEST(fields_are_found_in_any_order_among_unknown_ones)
	{
		const struct field_body body =
			body_of("{'z':[1,{'text':2,'q':[]}],'i32':7,"
				"'y':{'i32':{}},'text':'bread','':null}");
		const struct field two[] = { rows[TEXT], rows[I32] };
		struct sample sample = { 0 };

		ck_assert_int_eq(fields_decode(&sample, two, 2, &body, NULL),
				 0);
		ck_assert_int_eq(sample.i32, 7);
		fixture_text_eq(sample.text, "bread");
	}
END_TEST

static const char *const nothing[] = {
	"{}", "{'may_text':null,'map':null,'may_number':null,'yes':null,"
	      "'doneness':null}"
};

START_TEST(nil_is_the_same_as_not_there)
	{
		const struct field_body body = body_of(nothing[_i]);
		struct sample sample = { .may_text = TEXT_INIT("x"),
					 .may_number = 5,
					 .yes = true,
					 .doneness = DONENESS_BURNT };
		const struct field may[] = { rows[MAY_TEXT], rows[MAP],
					     rows[MAY_NUMBER], rows[YES],
					     rows[DONE] };

		ck_assert_int_eq(
			fields_decode(&sample, may, CHECK_N(may), &body, NULL),
			0);
		fixture_text_eq(sample.may_text, "x");
		ck_assert_int_eq(sample.may_number, 0);
		ck_assert(sample.yes);
		ck_assert_int_eq(sample.doneness, DONENESS_BURNT);
	}
END_TEST

#define TEXT_RULE "must be a text of 1 to 255 characters"
#define NUMBER_RULE "i32 must be an integer from 1 to 2147483647"
#define UUID_RULE "id must be a UUID in text"
#define MAY_RULE "may_text must be a text of at most 255 characters"
#define MAP_RULE "map must be a map of at most 8 bytes"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X250 X50 X50 X50 X50 X50

static const struct {
	const char *json;
	enum row row;
	const char *what; /* NULL: right */
} typed[] = {
	{ "{'text':'b'}", TEXT, NULL },
	{ "{'text':'" X250 "12345'}", TEXT, NULL },
	{ "{'text':'" X250 "1234\xc4\x81'}", TEXT, NULL },
	{ "{'text':'" X250 "123456'}", TEXT, "text " TEXT_RULE },
	{ "{'text':''}", TEXT, "text " TEXT_RULE },
	{ "{'text':7}", TEXT, "text " TEXT_RULE },
	{ "{'text':['b']}", TEXT, "text " TEXT_RULE },
	{ "{'text':null}", TEXT, "text " TEXT_RULE },
	{ "{}", TEXT, "text " TEXT_RULE },
	{ "{'may_text':''}", MAY_TEXT, NULL },
	{ "{'may_text':'" X250 "123456'}", MAY_TEXT, MAY_RULE },
	{ "{'may_text':false}", MAY_TEXT, MAY_RULE },
	{ "{'i32':1}", I32, NULL },
	{ "{'i32':2147483647}", I32, NULL },
	{ "{'i32':0}", I32, NUMBER_RULE },
	{ "{'i32':-1}", I32, NUMBER_RULE },
	{ "{'i32':2147483648}", I32, NUMBER_RULE },
	{ "{'i32':4294967297}", I32, NUMBER_RULE },
	{ "{'i32':18446744073709551615}", I32, NUMBER_RULE },
	{ "{'i32':1.0}", I32, NUMBER_RULE },
	{ "{'i32':'1'}", I32, NUMBER_RULE },
	{ "{'i32':true}", I32, NUMBER_RULE },
	{ "{}", I32, NUMBER_RULE },
	{ "{'number':-9223372036854775808}", NUMBER, NULL },
	{ "{'number':9223372036854775807}", NUMBER, NULL },
	{ "{'number':18446744073709551615}", NUMBER,
	  "number must be an integer from -9223372036854775808 to "
	  "9223372036854775807" },
	{ "{'may_number':0}", MAY_NUMBER,
	  "may_number must be an integer from 1 to 9" },
	{ "{'yes':true}", YES, NULL },
	{ "{'yes':1}", YES, "yes must be true or false" },
	{ "{'yes':'true'}", YES, "yes must be true or false" },
	{ "{'id':" ID_TEXT "}", ID, NULL },
	{ "{'id':'018f3a1e'}", ID, UUID_RULE },
	{ "{'id':1}", ID, UUID_RULE },
	{ "{}", ID, UUID_RULE },
	{ "{'doneness':'light'}", DONE, NULL },
	{ "{'doneness':'rare'}", DONE,
	  "doneness must be light, medium, well-done or burnt" },
	{ "{'doneness':''}", DONE,
	  "doneness must be light, medium, well-done or burnt" },
	{ "{'map':{'x':{'y':7}},'b':1}", MAP, NULL },
	{ "{'map':{}}", MAP, NULL },
	{ "{'map':{'x':'1234567'}}", MAP, MAP_RULE },
	{ "{'map':[]}", MAP, MAP_RULE },
};

START_TEST(a_field_has_its_exact_type_and_bounds_or_is_named)
	{
		const struct field_body body = body_of(typed[_i].json);
		struct schema_fault fault = { "" };
		const char *what = typed[_i].what;
		struct sample sample = { 0 };

		ck_assert_int_eq(fields_decode(&sample, &rows[typed[_i].row], 1,
					       &body, &fault),
				 what ? SCHEMA_E_CONTRACT : 0);
		ck_assert_str_eq(fault.what, what ? what : "");
	}
END_TEST

#define PAIRS_RULE "pairs must be a list of 1 to 2 elements"
#define ONE "'pairs':[{'left':1,'name':'a','z':[]}]"

static const struct {
	const char *json, *what;
} lists[] = {
	{ "{" ONE ",'texts':[]}", "" },
	{ "{" ONE ",'texts':['x','y','z']}", "" },
	{ "[]", "the body must be a map" },
	{ "'a'", "the body must be a map" },
	{ "7", "the body must be a map" },
	{ "{" ONE "," ONE "}", "pairs stands there twice" },
	{ "{'texts':[]," ONE ",'texts':1}", "texts stands there twice" },
	{ "{}", PAIRS_RULE },
	{ "{'pairs':null}", PAIRS_RULE },
	{ "{'pairs':[]}", PAIRS_RULE },
	{ "{'pairs':{'name':'a'}}", PAIRS_RULE },
	{ "{'pairs':[1,2,3]}", PAIRS_RULE },
	{ "{'pairs':['a']}", "pairs[0] must be a map" },
	{ "{'pairs':[{'name':'a'},[]]}", "pairs[1] must be a map" },
	{ "{'pairs':[{'left':1}]}", "pairs[0].name " TEXT_RULE },
	{ "{'pairs':[{'name':'a'},{'name':'b','left':10}]}",
	  "pairs[1].left must be an integer from 0 to 9" },
	{ "{'pairs':[{'name':'a','name':'a'}]}",
	  "pairs[0].name stands there twice" },
	{ "{" ONE "}", "texts must be a list of 0 to 3 elements" },
	{ "{" ONE ",'texts':['x',1]}", "texts[1] " TEXT_RULE },
	{ "{" ONE ",'texts':['']}", "texts[0] " TEXT_RULE },
	{ "{" ONE ",'texts':['" X250 X50 "']}", "texts[0] " TEXT_RULE },
};

START_TEST(an_element_of_a_list_is_named_with_its_index)
	{
		const struct field_body body = body_of(lists[_i].json);
		struct sample sample = { .pairs = pair_storage,
					 .texts = text_storage };
		struct schema_fault fault = { "" };

		ck_assert_int_eq(
			fields_decode(&sample, list_rows, 2, &body, &fault),
			*lists[_i].what ? SCHEMA_E_CONTRACT : 0);
		ck_assert_str_eq(fault.what, lists[_i].what);
	}
END_TEST

START_TEST(lists_are_written_as_they_were_read)
	{
		const struct field_body body =
			body_of("{'pairs':[{'name':'a','left':1},{'name':'b',"
				"'left':null}],'texts':['x','y']}");
		struct sample sample = { .pairs = pair_storage,
					 .texts = text_storage };
		uint8_t bytes[100];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_int_eq(
			fields_decode(&sample, list_rows, 2, &body, NULL), 0);
		ck_assert_uint_eq(sample.n_pairs, 2);
		ck_assert_int_eq(pair_storage[1].left, -1);
		ck_assert_int_eq(fields_encode(&sample, list_rows, 2, &writer),
				 0);
		ck_assert_uint_eq(writer.n, fixture.writer.n);
		ck_assert_mem_eq(bytes, fixture.bytes, writer.n);
	}
END_TEST

/* A contract's fault before it, behind it, or none. */
static const char *const malformed[] = {
	"\x82\xa3i32\xc0\xa1z\xc1",                 /* reserved */
	"\x82\xa1z\xa1\xff\xa3i32\xc0",             /* no UTF-8 */
	"\x81\xa3i32\x01\x01",                      /* more behind it */
	"\x82\xa3i32\x01\x01\x01",                  /* key that is no text */
	"\x82\xa3i32\x01\xa1\xff\x01",              /* nor UTF-8 */
	"\x83\xa3i32\x01\xa1z\x01",                 /* not all there */
	"\x82\xa3i32\x01\xa1z\xdd\x10\x10\x10\x10", /* counts too much */
	"\x81\xa1z\x91\x91\x91\x91\x91\x91\x91\x91\x01", /* too deep */
	"\x81",
	"",
};

START_TEST(what_is_malformed_is_that_whatever_else_is_wrong)
	{
		const struct text text = text_of(malformed[_i]);
		const struct field_body body = { text.p, text.n,
						 BODY_MAX_BYTES };
		struct schema_fault fault = { "" }, check = { "" };
		struct sample sample = { 0 };

		ck_assert_int_eq(
			fields_decode(&sample, &rows[I32], 1, &body, &fault),
			SCHEMA_E_MALFORMED);
		ck_assert_int_eq(msgpack_check(text.p, text.n, BODY_MAX_BYTES,
					       NULL, &check),
				 SCHEMA_E_MALFORMED);
		ck_assert_str_eq(fault.what, check.what);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fields");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, the_table_writes_what_it_reads);
	tcase_add_test(tcase, fields_are_found_in_any_order_among_unknown_ones);
	tcase_add_loop_test(tcase, nil_is_the_same_as_not_there, 0,
			    CHECK_N(nothing));
	tcase_add_loop_test(tcase,
			    a_field_has_its_exact_type_and_bounds_or_is_named,
			    0, CHECK_N(typed));
	tcase_add_loop_test(tcase, an_element_of_a_list_is_named_with_its_index,
			    0, CHECK_N(lists));
	tcase_add_test(tcase, lists_are_written_as_they_were_read);
	tcase_add_loop_test(tcase,
			    what_is_malformed_is_that_whatever_else_is_wrong, 0,
			    CHECK_N(malformed));
	return check_run(suite);
}
