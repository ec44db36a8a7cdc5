/* SPDX-License-Identifier: MIT */
/*
 * Pick: one event an order, one event an ingredient, and that both say it.
 */
#include "schemas/pick.h"

#include <errno.h>

#include "schemas/fixture.h"

#define ID "'order_id':'018f3a1e-7c2b-7abc-8def-0123456789ab'"
#define LINE "'ingredient':'cheese','quantity':2,'line':1,'lines':3"
#define V1 "{" ID "," LINE ",'picked':false,'doneness':'medium'}"

static struct fixture fixture;
static struct pick_room room;

static int decode(struct pick *ret, const struct envelope *envelope,
		  const char *json, struct schema_fault *fault)
{
	fixture_body(&fixture, json);
	return pick_decode(ret, &room, envelope, fixture.bytes,
			   fixture.writer.n, fault);
}

START_TEST(a_v1_line_is_lifted_with_what_its_headers_say)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 1);
		struct pick pick;

		envelope.customer = TEXT("gita");
		envelope.stall = TEXT("north");
		envelope.number = TEXT("123");
		envelope.verdict = TEXT("refused");
		envelope.reason = TEXT("out of stock");
		envelope.missing = TEXT("cheese=2/1;blue%20cheese=1/unknown");
		envelope.grill = TEXT("false");
		envelope.seq = 4;
		ck_assert_int_eq(decode(&pick, &envelope, V1, NULL), 0);
		ck_assert_int_eq(pick.version, 1);
		ck_assert_int_eq(pick.line, 1);
		ck_assert_int_eq(pick.lines, 3);
		ck_assert_int_eq(pick.number, 123);
		ck_assert_int_eq(pick.seq, 4);
		ck_assert_int_eq(pick.verdict, VERDICT_REFUSED);
		ck_assert_int_eq(pick.doneness, DONENESS_MEDIUM);
		ck_assert(!pick.grill);
		fixture_text_eq(pick.customer, "gita");
		fixture_text_eq(pick.stall, "north");
		fixture_text_eq(pick.reason, "out of stock");
		ck_assert_uint_eq(pick.n_items, 1);
		fixture_text_eq(pick.items[0].ingredient, "cheese");
		ck_assert_int_eq(pick.items[0].quantity, 2);
		ck_assert_uint_eq(pick.n_missing, 2);
		fixture_text_eq(pick.missing[1].ingredient, "blue cheese");
		ck_assert_int_eq(pick.missing[1].left, MISSING_UNKNOWN);
	}
END_TEST

static const struct {
	const char *picked, *header;
	enum verdict verdict;
} verdicts[] = {
	{ "true", NULL, VERDICT_PICKED },
	{ "false", NULL, VERDICT_REFUSED },
	{ "false", "cancelled", VERDICT_CANCELLED },
	{ "true", "kept", VERDICT_KEPT },
};

START_TEST(without_a_header_picked_tells_the_verdict)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 1);
		struct pick pick;
		char json[256];

		(void)snprintf(json, sizeof(json),
			       "{" ID "," LINE
			       ",'picked':%s,'doneness':'light'}",
			       verdicts[_i].picked);
		envelope.verdict = text_of(verdicts[_i].header);
		ck_assert_int_eq(decode(&pick, &envelope, json, NULL), 0);
		ck_assert_int_eq(pick.verdict, verdicts[_i].verdict);
		ck_assert_int_eq(pick.number, PICK_NUMBER_NONE);
		ck_assert_int_eq(pick.seq, -1);
		ck_assert(pick.grill);
		fixture_text_eq(pick.stall, "main");
		ck_assert_uint_eq(pick.n_missing, 0);
	}
END_TEST

static const struct {
	struct text verdict, number, grill, missing;
	const char *what;
} headers[] = {
	{ .verdict = TEXT_INIT("eaten"),
	  .what = "header verdict must be picked, refused, cancelled or kept" },
	{ .number = TEXT_INIT("-1"),
	  .what = "header number must be a number from 0" },
	{ .grill = TEXT_INIT("1"),
	  .what = "header grill must be true or false" },
	{ .missing = TEXT_INIT("a"),
	  .what = "header missing[0] must be name=wanted/left" },
};

START_TEST(a_header_of_v1_that_is_wrong_is_named)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 1);
		struct schema_fault fault;
		struct pick pick;

		envelope.verdict = headers[_i].verdict;
		envelope.number = headers[_i].number;
		envelope.grill = headers[_i].grill;
		envelope.missing = headers[_i].missing;
		ck_assert_int_eq(decode(&pick, &envelope, V1, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, headers[_i].what);
	}
END_TEST

#define DONE ",'picked':true,'doneness':'light'"
#define ITEM "'items':[{'ingredient':'ham','quantity':1}]"
#define REST ",'doneness':'light','grill':true,'missing':[]"
#define V2(items, verdict)                                                     \
	"{" ID ",'number':1,'stall':'main'," items ",'verdict':'" verdict      \
	"'" REST "}"
#define V2_MISSING(missing)                                                    \
	"{" ID ",'number':1,'stall':'main'," ITEM ",'verdict':'refused',"      \
	"'doneness':'light','grill':true,'missing':" missing "}"

static const struct {
	int version;
	const char *json, *what;
} refused[] = {
	{ 1, "[]", "the body must be a map" },
	{ 1, "{" LINE DONE "}", "order_id must be a UUID in text" },
	{ 1, "{" ID ",'line':0,'lines':1,'quantity':1" DONE "}",
	  "ingredient must be a text of 1 to 255 characters" },
	{ 1, "{" ID ",'line':0,'lines':1,'ingredient':'a'" DONE "}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ 1,
	  "{" ID ",'ingredient':'a','quantity':1,'line':2,'lines':2" DONE "}",
	  "line must be an integer from 0 to 1" },
	{ 1,
	  "{" ID ",'ingredient':'a','quantity':1,'line':0,'lines':33" DONE "}",
	  "lines must be an integer from 1 to 32" },
	{ 1, "{" ID "," LINE ",'doneness':'light'}",
	  "picked must be true or false" },
	{ 1, "{" ID "," LINE ",'picked':true}",
	  "doneness must be a text of 1 to 255 characters" },
	{ 1, "{" ID "," LINE ",'picked':true,'doneness':'rare'}",
	  "doneness must be light, medium, well-done or burnt" },
	{ 2, "{}", "order_id must be a UUID in text" },
	{ 2, "{" ID ",'number':'1'}",
	  "number must be an integer from 0 to 9223372036854775807" },
	{ 2, "{" ID ",'stall':'main'}",
	  "number must be an integer from 0 to 9223372036854775807" },
	{ 2, "{" ID ",'number':1}",
	  "stall must be a text of 1 to 255 characters" },
	{ 2, "{" ID ",'number':1,'stall':'main','customer':1}",
	  "customer must be a text of at most 255 characters" },
	{ 2, "{" ID ",'number':1,'stall':'main'," ITEM REST "}",
	  "verdict must be a text of 1 to 255 characters" },
	{ 2, V2(ITEM, "eaten"),
	  "verdict must be picked, refused, cancelled or kept" },
	{ 2, V2("'items':[]", "picked"),
	  "items must be a list of 1 to 32 elements" },
	{ 2, V2("'items':7", "kept"),
	  "items must be a list of 1 to 32 elements" },
	{ 2, V2("'items':[7]", "picked"), "items[0] must be a map" },
	{ 2, V2("'items':[{'quantity':1}]", "picked"),
	  "items[0].ingredient must be a text of 1 to 255 characters" },
	{ 2, V2_MISSING("null"), "missing must be a list of 0 to 32 elements" },
	{ 2, V2_MISSING("[7]"), "missing[0] must be a map" },
	{ 2, V2_MISSING("[{'ingredient':'a'}]"),
	  "missing[0].wanted must be an integer from 1 to 2147483647" },
	{ 2, V2_MISSING("[{'ingredient':'a','wanted':1,'left':-1}]"),
	  "missing[0].left must be an integer from 0 to 9223372036854775807" },
};

START_TEST(what_breaks_the_contract_is_named)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_PICK, refused[_i].version);
		struct schema_fault fault;
		struct pick pick;

		ck_assert_int_eq(
			decode(&pick, &envelope, refused[_i].json, &fault),
			SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_int_eq(
			pick_decode(&pick, &room, &envelope, "", 0, &fault),
			SCHEMA_E_MALFORMED);
	}
END_TEST

static const struct item items[] = { { TEXT_INIT("cheese"), 2 },
				     { TEXT_INIT("gold"), 1 } };
static const struct missing missing[] = {
	{ TEXT_INIT("cheese"), 2, 0 }, { TEXT_INIT("gold"), 1, MISSING_UNKNOWN }
};
static const struct pick sample = {
	.order_id = { { 5, 6 } },
	.number = 123,
	.seq = 1,
	.verdict = VERDICT_REFUSED,
	.doneness = DONENESS_BURNT,
	.grill = true,
	.stall = TEXT_INIT("main"),
	.customer = TEXT_INIT("gita"),
	.reason = TEXT_INIT("out of stock"),
	.items = items,
	.n_items = 2,
	.missing = missing,
	.n_missing = 2,
};

/* @pick is @sample, but for its items, lines and version. */
static void same(const struct pick *pick)
{
	ck_assert_int_eq(order_id_compare(&pick->order_id, &sample.order_id),
			 0);
	ck_assert_int_eq(pick->number, sample.number);
	ck_assert_int_eq(pick->seq, sample.seq);
	ck_assert_int_eq(pick->verdict, sample.verdict);
	ck_assert_int_eq(pick->doneness, sample.doneness);
	ck_assert_int_eq(pick->grill, sample.grill);
	ck_assert(text_equal(pick->stall, sample.stall));
	ck_assert(text_equal(pick->customer, sample.customer));
	ck_assert(text_equal(pick->reason, sample.reason));
	ck_assert_uint_eq(pick->n_missing, sample.n_missing);
	for (size_t i = 0; i < sample.n_missing; i++) {
		ck_assert(text_equal(pick->missing[i].ingredient,
				     missing[i].ingredient));
		ck_assert_int_eq(pick->missing[i].wanted, missing[i].wanted);
		ck_assert_int_eq(pick->missing[i].left, missing[i].left);
	}
}

START_TEST(a_refusal_of_all_the_longest_names_is_read)
	{
		static char names[ORDER_ITEMS_MAX][TEXT_MAX_BYTES];
		static uint8_t bytes[PICK_MAX_BYTES];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		struct envelope envelope = fixture_envelope(EVENT_PICK, 2);
		struct missing lacks[ORDER_ITEMS_MAX];
		struct item wants[ORDER_ITEMS_MAX];
		struct pick pick = { .number = INT64_MAX,
				     .verdict = VERDICT_REFUSED,
				     .items = wants,
				     .n_items = ORDER_ITEMS_MAX,
				     .missing = lacks,
				     .n_missing = ORDER_ITEMS_MAX };
		struct schema_fault fault;

		for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
			struct text name =
				fixture_longest(names[i], (uint64_t)i);

			wants[i] = (struct item){ name, QUANTITY_MAX };
			lacks[i] = (struct missing){ name, QUANTITY_MAX,
						     INT64_MAX };
		}
		pick.stall = pick.customer = pick.reason = wants[0].ingredient;
		ck_assert_int_eq(pick_encode_v2(&pick, &writer), 0);
		ck_assert_uint_gt(writer.n, BODY_MAX_BYTES);
		ck_assert_msg(!pick_decode(&pick, &room, &envelope, writer.p,
					   writer.n, &fault),
			      "%s", fault.what);
		ck_assert_uint_eq(pick.n_missing, ORDER_ITEMS_MAX);
	}
END_TEST

START_TEST(what_is_written_in_v2_is_read)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 2);
		struct pick pick;
		uint8_t bytes[512];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		envelope.seq = sample.seq;
		ck_assert_int_eq(pick_encode_v2(&sample, &writer), 0);
		ck_assert_int_eq(pick_decode(&pick, &room, &envelope, bytes,
					     writer.n, NULL),
				 0);
		same(&pick);
		ck_assert_int_eq(pick.line, 0);
		ck_assert_int_eq(pick.lines, 1);
		ck_assert_uint_eq(pick.n_items, 2);
		fixture_text_eq(pick.items[1].ingredient, "gold");
		writer.cap = writer.n + 10;
		ck_assert_int_eq(pick_encode_v2(&sample, &writer), -ENOBUFS);
	}
END_TEST

START_TEST(each_line_of_v1_with_its_headers_says_the_same)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 1);
		uint8_t bytes[256], header[256];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes),
				      list = MSGPACK_WRITER_INIT(header);
		struct pick pick;

		ck_assert_int_eq(pick_encode_v1(&sample, (size_t)_i, &writer),
				 0);
		ck_assert_int_eq(missing_encode(missing, 2, &list), 0);
		envelope.seq = sample.seq;
		envelope.number = TEXT("123");
		envelope.customer = sample.customer;
		envelope.stall = sample.stall;
		envelope.verdict = text_of(verdict_name(sample.verdict));
		envelope.reason = sample.reason;
		envelope.missing =
			(struct text){ (const char *)header, list.n };
		ck_assert_int_eq(pick_decode(&pick, &room, &envelope, bytes,
					     writer.n, NULL),
				 0);
		same(&pick);
		ck_assert_int_eq(pick.line, _i);
		ck_assert_int_eq(pick.lines, 2);
		ck_assert(text_equal(pick.items[0].ingredient,
				     items[_i].ingredient));
		ck_assert_int_eq(pick.items[0].quantity, items[_i].quantity);
		writer.cap = writer.n + 10;
		ck_assert_int_eq(pick_encode_v1(&sample, (size_t)_i, &writer),
				 -ENOBUFS);
	}
END_TEST

static Suite *pick_suite(void)
{
	Suite *suite = suite_create("pick");
	TCase *tcase = tcase_create("pick");

	tcase_add_test(tcase, a_v1_line_is_lifted_with_what_its_headers_say);
	tcase_add_loop_test(tcase, without_a_header_picked_tells_the_verdict, 0,
			    CHECK_N(verdicts));
	tcase_add_loop_test(tcase, a_header_of_v1_that_is_wrong_is_named, 0,
			    CHECK_N(headers));
	tcase_add_loop_test(tcase, what_breaks_the_contract_is_named, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase, what_is_written_in_v2_is_read);
	tcase_add_test(tcase, a_refusal_of_all_the_longest_names_is_read);
	tcase_add_loop_test(tcase,
			    each_line_of_v1_with_its_headers_says_the_same, 0,
			    CHECK_N(items));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return check_run(pick_suite());
}
