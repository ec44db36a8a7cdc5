/* SPDX-License-Identifier: MIT */
/*
 * Messages: what breaks the contract of each type and version is named; what
 * version 1 cannot say comes from the headers; the hash of an order. (That
 * bytes decode and are written again as they were: golden_test.c.)
 */
#include <signal.h>

#include "schemas/fixture.h"
#include "schemas/messages/stall.h"
#include "schemas/oracle.h"

#define ID "'order_id':'018f3a1e-7c2b-7abc-8def-0123456789ab'"

static struct fixture fixture;
static struct oracle_message it;

/* Into @it. */
static int decode(const struct envelope *envelope, const char *json,
		  struct schema_fault *fault)
{
	fixture_body(&fixture, json);
	return oracle_decode(&it, envelope, fixture.bytes, fixture.writer.n,
			     fault);
}

/* ---- what breaks the contract ---- */

#define TEXT_RULE " must be a text of 1 to 255 characters"
#define DONENESS_WRONG "doneness must be light, medium, well-done or burnt"
#define ORDER_ITEMS "'items':[{'ingredient':'cheese','quantity':1}]"
#define LINE "'ingredient':'cheese','quantity':2,'line':1,'lines':3"
#define DONE ",'picked':true,'doneness':'light'"
#define PICK_ITEM "'items':[{'ingredient':'ham','quantity':1}]"
#define REST ",'doneness':'light','grill':true,'missing':[]"
#define PICK(items, verdict)                                                   \
	"{" ID ",'number':1,'stall':'main'," items ",'verdict':'" verdict      \
	"'" REST "}"
#define PICK_MISSING(missing)                                                  \
	"{" ID ",'number':1,'stall':'main'," PICK_ITEM ",'verdict':'refused'," \
	"'doneness':'light','grill':true,'missing':" missing "}"
#define CHEESE "'stall':'main','ingredient':'cheese'"
#define TOASTIE ID ",'number':1,'stall':'main'"
#define AT "'at':'2026-01-02T03:04:05Z'"

/* clang-format off */
static const struct {
	enum event_type type;
	int version;
	const char *json, *what;
} refused[] = {
	{ EVENT_ORDER_PLACED, 1, "[]", "the body must be a map" },
	{ EVENT_ORDER_PLACED, 1, "{'ingredients':['a'],'doneness':'light'}",
	  "order_id must be a UUID in text" },
	{ EVENT_ORDER_PLACED, 1, "{" ID ",'doneness':'light'}",
	  "ingredients must be a list of 1 to 256 elements" },
	{ EVENT_ORDER_PLACED, 1, "{" ID ",'ingredients':[],'doneness':'light'}",
	  "ingredients must be a list of 1 to 256 elements" },
	{ EVENT_ORDER_PLACED, 1, "{" ID ",'ingredients':['a',7],'doneness':'light'}",
	  "ingredients[1]" TEXT_RULE },
	{ EVENT_ORDER_PLACED, 1, "{" ID ",'ingredients':['a']}", DONENESS_WRONG },
	{ EVENT_ORDER_PLACED, 1, "{" ID ",'ingredients':['a'],'doneness':'rare'}", DONENESS_WRONG },
	{ EVENT_ORDER_PLACED, 2, "{" ID "," ORDER_ITEMS "}", "stall" TEXT_RULE },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':''," ORDER_ITEMS "}", "stall" TEXT_RULE },
	{ EVENT_ORDER_PLACED, 2, "{'stall':'main'," ORDER_ITEMS "}", "order_id must be a UUID in text" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'}",
	  "items must be a list of 1 to 256 elements" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main','items':[]}",
	  "items must be a list of 1 to 256 elements" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main','items':['cheese']}",
	  "items[0] must be a map" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main','items':[{'quantity':1}]}",
	  "items[0].ingredient" TEXT_RULE },
	{ EVENT_ORDER_PLACED, 2,
	  "{" ID ",'stall':'main','items':[{'ingredient':'a','quantity':1},"
	  "{'ingredient':'b','quantity':0}]}",
	  "items[1].quantity must be an integer from 1 to 2147483647" },
	{ EVENT_ORDER_PLACED, 2,
	  "{" ID ",'stall':'main','items':[{'ingredient':'a','quantity':"
	  "2147483647},{'ingredient':'a','quantity':1}]}",
	  "quantities of one ingredient add up to more than 2147483647" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'," ORDER_ITEMS ",'doneness':''}",
	  DONENESS_WRONG },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'," ORDER_ITEMS ",'doneness':7}",
	  "doneness must be a text of at most 255 characters" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'," ORDER_ITEMS ",'grill':1}",
	  "grill must be true or false" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'," ORDER_ITEMS ",'metadata':[]}",
	  "metadata must be a map of at most 4096 bytes" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'," ORDER_ITEMS ",'stall':'main'}",
	  "stall stands there twice" },
	{ EVENT_ORDER_PLACED, 2, "{" ID ",'stall':'main'," ORDER_ITEMS ",'customer':7}",
	  "customer must be a text of at most 255 characters" },
	{ EVENT_PICK, 1, "[]", "the body must be a map" },
	{ EVENT_PICK, 1, "{" LINE DONE "}", "order_id must be a UUID in text" },
	{ EVENT_PICK, 1, "{" ID ",'line':0,'lines':1,'quantity':1" DONE "}",
	  "ingredient must be a text of 1 to 255 characters" },
	{ EVENT_PICK, 1, "{" ID ",'line':0,'lines':1,'ingredient':'a'" DONE "}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ EVENT_PICK, 1,
	  "{" ID ",'ingredient':'a','quantity':1,'line':2,'lines':2" DONE "}",
	  "line must be an integer from 0 to 1" },
	{ EVENT_PICK, 1,
	  "{" ID ",'ingredient':'a','quantity':1,'line':0,'lines':33" DONE "}",
	  "lines must be an integer from 1 to 32" },
	{ EVENT_PICK, 1, "{" ID "," LINE ",'doneness':'light'}",
	  "picked must be true or false" },
	{ EVENT_PICK, 1, "{" ID "," LINE ",'picked':true}",
	  "doneness must be a text of 1 to 255 characters" },
	{ EVENT_PICK, 1, "{" ID "," LINE ",'picked':true,'doneness':'rare'}",
	  "doneness must be light, medium, well-done or burnt" },
	{ EVENT_PICK, 2, "{}", "order_id must be a UUID in text" },
	{ EVENT_PICK, 2, "{" ID ",'number':'1'}",
	  "number must be an integer from 0 to 9223372036854775807" },
	{ EVENT_PICK, 2, "{" ID ",'stall':'main'}",
	  "number must be an integer from 0 to 9223372036854775807" },
	{ EVENT_PICK, 2, "{" ID ",'number':1}",
	  "stall must be a text of 1 to 255 characters" },
	{ EVENT_PICK, 2, "{" ID ",'number':1,'stall':'main','customer':1}",
	  "customer must be a text of at most 255 characters" },
	{ EVENT_PICK, 2, "{" ID ",'number':1,'stall':'main'," PICK_ITEM REST "}",
	  "verdict must be a text of 1 to 255 characters" },
	{ EVENT_PICK, 2, PICK(PICK_ITEM, "eaten"),
	  "verdict must be picked, refused, cancelled or kept" },
	{ EVENT_PICK, 2, PICK("'items':[]", "picked"),
	  "items must be a list of 1 to 32 elements" },
	{ EVENT_PICK, 2, PICK("'items':7", "kept"),
	  "items must be a list of 1 to 32 elements" },
	{ EVENT_PICK, 2, PICK("'items':[7]", "picked"), "items[0] must be a map" },
	{ EVENT_PICK, 2, PICK("'items':[{'quantity':1}]", "picked"),
	  "items[0].ingredient must be a text of 1 to 255 characters" },
	{ EVENT_PICK, 2, PICK_MISSING("null"), "missing must be a list of 0 to 32 elements" },
	{ EVENT_PICK, 2, PICK_MISSING("[7]"), "missing[0] must be a map" },
	{ EVENT_PICK, 2, PICK_MISSING("[{'ingredient':'a'}]"),
	  "missing[0].wanted must be an integer from 1 to 2147483647" },
	{ EVENT_PICK, 2, PICK_MISSING("[{'ingredient':'a','wanted':1,'left':-1}]"),
	  "missing[0].left must be an integer from 0 to 9223372036854775807" },
	{ EVENT_ORDER_CANCELLED, 1, "7", "the body must be a map" },
	{ EVENT_ORDER_CANCELLED, 1, "{}", "order_id must be a UUID in text" },
	{ EVENT_ORDER_CANCELLED, 1, "{" ID ",'reason':7}",
	  "reason must be a text of at most 255 characters" },
	{ EVENT_STOCK_ADDED, 1, "[]", "the body must be a map" },
	{ EVENT_STOCK_ADDED, 1, "{'ingredient':'a','quantity':1}",
	  "stall must be a text of 1 to 255 characters" },
	{ EVENT_STOCK_ADDED, 1, "{'stall':'a','quantity':1}",
	  "ingredient must be a text of 1 to 255 characters" },
	{ EVENT_STOCK_ADDED, 1, "{'stall':'a','ingredient':'b'}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ EVENT_STOCK_ADDED, 1, "{'stall':'a','ingredient':'b','quantity':0}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ EVENT_STOCK_ADDED, 1, "{'stall':'a','ingredient':'b','quantity':2147483648}",
	  "quantity must be an integer from 1 to 2147483647" },
	{ EVENT_STOCK_COUNTED, 1, "{'stall':'a','ingredient':'b','quantity':-1}",
	  "quantity must be an integer from 0 to 2147483647" },
	{ EVENT_STOCK_CHANGED, 1, "[]", "the body must be a map" },
	{ EVENT_STOCK_CHANGED, 1, "{}", "stall must be a text of 1 to 255 characters" },
	{ EVENT_STOCK_CHANGED, 1, "{'stall':'main'}",
	  "ingredient must be a text of 1 to 255 characters" },
	{ EVENT_STOCK_CHANGED, 1, "{" CHEESE ",'kind':'added'}",
	  "delta must be an integer from -9223372036854775808 to "
	  "9223372036854775807" },
	{ EVENT_STOCK_CHANGED, 1, "{" CHEESE ",'delta':1}",
	  "kind must be a text of 1 to 255 characters" },
	{ EVENT_STOCK_CHANGED, 1, "{" CHEESE ",'delta':1,'kind':'eaten'}",
	  "kind must be added, counted or returned" },
	{ EVENT_STOCK_CHANGED, 1, "{" CHEESE ",'delta':1,'kind':'returned','order_id':7}",
	  "order_id must be a UUID in text" },
	{ EVENT_TOASTIE, 1, "'toastie'", "the body must be a map" },
	{ EVENT_TOASTIE, 1, "{}", "order_id must be a UUID in text" },
	{ EVENT_TOASTIE, 1, "{" ID ",'number':-1}",
	  "number must be an integer from 0 to 9223372036854775807" },
	{ EVENT_TOASTIE, 1, "{" ID "}", "stall must be a text of 1 to 255 characters" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE "," AT "}", "state must be a text of 1 to 255 characters" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE ",'state':'eaten'," AT "}",
	  "state must be queued, grilling, done, failed, uncertain or "
	  "returned" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE ",'state':'done','customer':1," AT "}",
	  "customer must be a text of at most 255 characters" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE ",'state':'done','grill':1," AT "}",
	  "grill must be a text of at most 255 characters" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE ",'state':'done','plate':-1," AT "}",
	  "plate must be an integer from 0 to 2147483647" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE ",'state':'done','reason':[]," AT "}",
	  "reason must be a text of at most 255 characters" },
	{ EVENT_TOASTIE, 1, "{" TOASTIE ",'state':'done'}",
	  "at must be a text of 1 to 255 characters" },
};
/* clang-format on */

START_TEST(what_breaks_the_contract_is_named_and_changes_nothing)
	{
		struct envelope envelope =
			fixture_envelope(refused[_i].type, refused[_i].version);
		struct schema_fault fault;

		memset(&it, 0x5a, sizeof(it));
		ck_assert_int_eq(decode(&envelope, refused[_i].json, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		for (size_t i = 0; i < offsetof(struct oracle_message, items);
		     i++)
			ck_assert_uint_eq(((const uint8_t *)&it)[i], 0x5a);
		ck_assert_int_eq(oracle_decode(&it, &envelope, "", 0, &fault),
				 SCHEMA_E_MALFORMED);
	}
END_TEST

/* ---- orders ---- */

/* What the headers of version 1 add: golden/order_placed.v1.*. */
START_TEST(what_stands_beside_a_v2_order_says_nothing)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);

		envelope.customer = TEXT("gwenda");
		envelope.stall = TEXT("south");
		envelope.grill = TEXT("maybe");
		ck_assert_int_eq(
			decode(&envelope,
			       "{" ID ",'stall':'main','items':["
			       "{'ingredient':'ham','quantity':3},"
			       "{'quantity':2147483644,'ingredient':'ham'}],"
			       "'metadata':{}}",
			       NULL),
			0);
		fixture_text_eq(it.order.customer, "");
		fixture_text_eq(it.order.stall, "main");
		ck_assert(it.order.grill);
		ck_assert_uint_eq(it.order.n_items, 1);
		ck_assert_int_eq(it.order.items[0].quantity, QUANTITY_MAX);
		ck_assert_uint_eq(it.order.metadata.n, 0);
	}
END_TEST

/* An order of @n items, or names in v1, each another ingredient. */
static void many(char *json, size_t cap, int version, int n)
{
	size_t at = (size_t)snprintf(json, cap,
				     "{" ID ",'stall':'main','doneness':"
				     "'light','%s':[",
				     version == 1 ? "ingredients" : "items");

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(json + at, cap - at,
				       version == 1 ? "'i%d',"
						    : "{'ingredient':'i%d',"
						      "'quantity':1},",
				       i);
	(void)snprintf(json + at, cap - at, "]}");
}

START_TEST(an_order_has_at_most_32_ingredients_in_either_version)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, _i + 1);
		struct schema_fault fault;
		char json[8192];

		many(json, sizeof(json), _i + 1, ORDER_ITEMS_MAX);
		ck_assert_int_eq(decode(&envelope, json, &fault), 0);
		ck_assert_uint_eq(it.order.n_items, ORDER_ITEMS_MAX);
		many(json, sizeof(json), _i + 1, ORDER_ITEMS_MAX + 1);
		ck_assert_int_eq(decode(&envelope, json, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what,
				 "an order has at most 32 ingredients");
	}
END_TEST

START_TEST(metadata_is_bounded)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);
		char json[8192];
		int n;

		/* A map, a key of one letter and a str16 have six bytes
		 * besides. */
		for (n = METADATA_MAX_BYTES - 6; n <= METADATA_MAX_BYTES - 5;
		     n++) {
			(void)snprintf(json, sizeof(json),
				       "{" ID ",'stall':'main'," ORDER_ITEMS
				       ",'metadata':{'a':'%0*d'}}",
				       n, 7);
			ck_assert_int_eq(decode(&envelope, json, NULL),
					 n == METADATA_MAX_BYTES - 6
						 ? 0
						 : SCHEMA_E_CONTRACT);
		}
	}
END_TEST

static const struct item cheese_toastie[] = { { TEXT_INIT("cheese"), 1 },
					      { TEXT_INIT("vegemite"), 1 },
					      { TEXT_INIT("bread"), 2 } };

static struct order_placed order; /* what a test makes of the sample */
static const struct order_placed order_sample = {
	.order_id = { { 1, 2, 3 } },
	.doneness = DONENESS_WELL_DONE,
	.stall = TEXT_INIT("main"),
	.customer = TEXT_INIT("gita"),
	.items = cheese_toastie,
	.n_items = 3,
};

START_TEST(both_versions_of_one_order_decode_to_the_same_content)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, _i + 1);
		struct msgpack_writer writer =
			MSGPACK_WRITER_INIT(fixture.bytes);

		envelope.customer = order_sample.customer;
		envelope.grill = TEXT("false");
		ck_assert_int_eq(
			order_placed_encode(&order_sample, _i + 1, &writer), 0);
		ck_assert_int_eq(
			oracle_decode(&it, &envelope, writer.p, writer.n, NULL),
			0);
		ck_assert_uint_eq(order_placed_hash(&it.order),
				  order_placed_hash(&order_sample));
		ck_assert_int_eq(order_id_compare(&it.order.order_id,
						  &order_sample.order_id),
				 0);
	}
END_TEST

START_TEST(v1_refuses_to_write_what_it_cannot_say)
	{
		static struct item much = { TEXT("bread"),
					    ORDER_LINES_MAX + 1 };
		struct msgpack_writer writer = { .p = fixture.bytes,
						 .cap = sizeof(fixture.bytes) };

		order = order_sample;
		order.metadata = TEXT("\x81\xa1"
				      "a\x01");
		ck_assert_int_eq(order_placed_encode(&order, 1, &writer),
				 SCHEMA_E_CONTRACT);
		ck_assert_int_eq(order_placed_encode(&order, 2, &writer), 0);
		order = order_sample;
		order.items = &much;
		order.n_items = 1;
		ck_assert_int_eq(order_placed_encode(&order, 1, &writer),
				 SCHEMA_E_CONTRACT);
		much.quantity--;
		ck_assert_int_eq(order_placed_encode(&order, 1, &writer), 0);
		ck_assert_int_eq(order_placed_encode(&order, 3, &writer),
				 SCHEMA_E_UNKNOWN_VERSION);
	}
END_TEST

START_TEST(the_hash_is_the_same_for_ever)
	{
		ck_assert_uint_eq(order_placed_hash(&order_sample),
				  UINT64_C(0x8772cfb08049f9f9));
	}
END_TEST

START_TEST(the_hash_knows_the_content_and_nothing_else)
	{
		struct item same[] = { cheese_toastie[2], cheese_toastie[0],
				       cheese_toastie[1] };
		struct item more[] = { cheese_toastie[0],
				       cheese_toastie[1],
				       { TEXT("bread"), 3 } };
		uint64_t hash = order_placed_hash(&order_sample);
		struct order_placed others[7];

		order = order_sample;
		order.order_id.bytes[0] = 99;
		order.version = 2;
		order.items = same;
		ck_assert_uint_eq(order_placed_hash(&order), hash);
		for (int i = 0; i < CHECK_N(others); i++)
			others[i] = order_sample;
		others[0].items = more;
		others[1].n_items--;
		others[2].stall = TEXT("mai");
		others[2].customer = TEXT("ngita");
		others[3].doneness = DONENESS_LIGHT;
		others[4].grill = true;
		others[5].metadata = TEXT("\x81\xa1"
					  "a\x01");
		others[6].customer = TEXT("");
		for (int i = 0; i < CHECK_N(others); i++)
			ck_assert_uint_ne(order_placed_hash(&others[i]), hash);
	}
END_TEST

START_TEST(another_type_is_a_broken_invariant)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 2);

		(void)order_placed_decode(&it.order, it.items, &envelope, "", 0,
					  NULL);
	}
END_TEST

/* ---- picks ---- */

static const struct {
	const char *picked, *header, *grill;
	enum verdict verdict;
	bool is_for_grill;
} verdicts[] = {
	{ "true", NULL, NULL, VERDICT_PICKED, true },
	{ "false", NULL, "true", VERDICT_REFUSED, true },
	{ "false", "cancelled", "false", VERDICT_CANCELLED, false },
	{ "true", "kept", NULL, VERDICT_KEPT, true },
};

START_TEST(without_a_header_picked_says_the_verdict)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 1);
		char json[256];

		(void)snprintf(json, sizeof(json),
			       "{" ID "," LINE
			       ",'picked':%s,'doneness':'light'}",
			       verdicts[_i].picked);
		envelope.verdict = text_of(verdicts[_i].header);
		envelope.grill = text_of(verdicts[_i].grill);
		ck_assert_int_eq(decode(&envelope, json, NULL), 0);
		ck_assert_int_eq(it.pick.verdict, verdicts[_i].verdict);
		ck_assert_int_eq(it.pick.grill, verdicts[_i].is_for_grill);
		ck_assert_int_eq(it.pick.number, PICK_NUMBER_NONE);
		ck_assert_int_eq(it.pick.seq, -1);
		fixture_text_eq(it.pick.stall, "main");
		ck_assert_uint_eq(it.pick.n_missing, 0);
	}
END_TEST

#define ORDER_V1 "{" ID ",'ingredients':['cheese'],'doneness':'light'}"
#define PICK_V1 "{" ID "," LINE DONE "}"

static const struct {
	enum event_type type;
	const char *json;
	struct text verdict, number, grill, missing;
	const char *what;
} headers[] = {
	{ EVENT_ORDER_PLACED, ORDER_V1, .grill = TEXT_INIT("no"),
	  .what = "header grill must be true or false" },
	{ EVENT_PICK, PICK_V1, .verdict = TEXT_INIT("eaten"),
	  .what = "header verdict must be picked, refused, cancelled or kept" },
	{ EVENT_PICK, PICK_V1, .number = TEXT_INIT("-1"),
	  .what = "header number must be a number from 0" },
	{ EVENT_PICK, PICK_V1, .grill = TEXT_INIT("1"),
	  .what = "header grill must be true or false" },
	{ EVENT_PICK, PICK_V1, .missing = TEXT_INIT("a"),
	  .what = "header missing[0] must be name=wanted/left" },
};

START_TEST(a_header_of_v1_that_is_wrong_is_named)
	{
		struct envelope envelope =
			fixture_envelope(headers[_i].type, 1);
		struct schema_fault fault;

		envelope.verdict = headers[_i].verdict;
		envelope.number = headers[_i].number;
		envelope.grill = headers[_i].grill;
		envelope.missing = headers[_i].missing;
		ck_assert_int_eq(decode(&envelope, headers[_i].json, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, headers[_i].what);
	}
END_TEST

START_TEST(a_refusal_of_all_the_longest_names_is_read)
	{
		static char names[ORDER_ITEMS_MAX][TEXT_MAX_BYTES];
		static uint8_t bytes[PICK_MAX_BYTES];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		struct envelope envelope = fixture_envelope(EVENT_PICK, 2);
		struct missing lacks[ORDER_ITEMS_MAX];
		struct item wants[ORDER_ITEMS_MAX];
		struct schema_fault fault;
		struct pick pick = { .number = INT64_MAX,
				     .verdict = VERDICT_REFUSED,
				     .items = wants,
				     .n_items = ORDER_ITEMS_MAX,
				     .missing = lacks,
				     .n_missing = ORDER_ITEMS_MAX };

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
		ck_assert_msg(!pick_decode(&it.pick, &it.storage, &envelope,
					   writer.p, writer.n, &fault),
			      "%s", fault.what);
		ck_assert_uint_eq(it.pick.n_missing, ORDER_ITEMS_MAX);
	}
END_TEST

/* ---- stock ---- */

START_TEST(nothing_may_be_counted)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_STOCK_COUNTED, 1);

		ck_assert_int_eq(
			decode(&envelope, "{" CHEESE ",'quantity':0}", NULL),
			0);
		ck_assert_int_eq(it.command.kind, STOCK_COMMAND_COUNTED);
		ck_assert_int_eq(stock_command_type(STOCK_COMMAND_ADDED),
				 EVENT_STOCK_ADDED);
		ck_assert_int_eq(stock_command_type(STOCK_COMMAND_COUNTED),
				 EVENT_STOCK_COUNTED);
	}
END_TEST

START_TEST(only_a_return_has_an_order_id)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_STOCK_CHANGED, 1);

		ck_assert_int_eq(decode(&envelope,
					"{" CHEESE ",'delta':1,'kind':'added',"
					"'order_id':7}",
					NULL),
				 0);
	}
END_TEST

static const struct {
	enum event_type type;
	int version;
	struct text header;
	const char *json, *stall;
} stalls[] = {
	{ EVENT_ORDER_PLACED, 2, { 0 }, "{'z':[1],'stall':'north'}", "north" },
	{ EVENT_ORDER_PLACED, 2, TEXT_INIT("x"), "{'stall':'north'}", "north" },
	{ EVENT_ORDER_PLACED, 1, TEXT_INIT("north"), "{'stall':'x'}", "north" },
	{ EVENT_ORDER_PLACED, 1, { 0 }, "{'stall':'x'}", "main" },
	{ EVENT_ORDER_CANCELLED, 1, TEXT_INIT("north"), "{}", "north" },
	{ EVENT_STOCK_COUNTED, 1, { 0 }, "{'stall':'north'}", "north" },
	{ EVENT_PICK, 2, { 0 }, "{'stall':'north'}", "north" },
	{ EVENT_PICK, 1, TEXT_INIT("north"), "{}", "north" },
	{ EVENT_STOCK_CHANGED, 1, { 0 }, "{'stall':'north'}", "north" },
	{ EVENT_TOASTIE, 1, { 0 }, "{'stall':'north'}", "north" },
	{ EVENT_TOASTIE, 1, { 0 }, "{'stall':7}", "main" },
	{ EVENT_TOASTIE, 1, TEXT_INIT("north"), "7", "north" },
	{ EVENT_NONE, 3, { 0 }, "{'stall':'north'}", "main" },
};

START_TEST(the_stall_of_a_record_is_known_without_decoding_all_of_it)
	{
		struct envelope envelope =
			fixture_envelope(stalls[_i].type, stalls[_i].version);

		envelope.stall = stalls[_i].header;
		fixture_body(&fixture, stalls[_i].json);
		fixture_text_eq(message_stall(&envelope, fixture.bytes,
					      fixture.writer.n),
				stalls[_i].stall);
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ what_breaks_the_contract_is_named_and_changes_nothing,
		  CHECK_N(refused) },
		{ what_stands_beside_a_v2_order_says_nothing, 1 },
		{ an_order_has_at_most_32_ingredients_in_either_version, 2 },
		{ metadata_is_bounded, 1 },
		{ both_versions_of_one_order_decode_to_the_same_content, 2 },
		{ v1_refuses_to_write_what_it_cannot_say, 1 },
		{ the_hash_is_the_same_for_ever, 1 },
		{ the_hash_knows_the_content_and_nothing_else, 1 },
		{ without_a_header_picked_says_the_verdict, CHECK_N(verdicts) },
		{ a_header_of_v1_that_is_wrong_is_named, CHECK_N(headers) },
		{ a_refusal_of_all_the_longest_names_is_read, 1 },
		{ nothing_may_be_counted, 1 },
		{ only_a_return_has_an_order_id, 1 },
		{ the_stall_of_a_record_is_known_without_decoding_all_of_it,
		  CHECK_N(stalls) },
		{ 0 },
	};
	Suite *suite = suite_create("messages");
	TCase *tcase = check_case(suite, 20);

	check_add(tcase, rows);
	tcase_add_test_raise_signal(tcase, another_type_is_a_broken_invariant,
				    SIGABRT);
	return check_run(suite);
}
