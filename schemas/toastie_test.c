/* SPDX-License-Identifier: MIT */
/*
 * Toastie: six states, with and without a plate.
 */
#include "schemas/toastie.h"

#include <errno.h>

#include "schemas/fixture.h"

#define ID "'order_id':'018f3a1e-7c2b-7abc-8def-0123456789ab'"
#define AT "'at':'2026-01-02T03:04:05Z'"

static struct fixture fixture;

static const struct toastie toasties[] = {
	{ .order_id = { { 1 } },
	  .number = TOASTIE_NUMBER_NONE,
	  .seq = -1,
	  .state = TOASTIE_QUEUED,
	  .plate = TOASTIE_PLATE_NONE,
	  .stall = TEXT_INIT("main"),
	  .at = TEXT_INIT("2026-01-02T03:04:05Z") },
	{ .order_id = { { 2 } },
	  .number = INT64_MAX,
	  .seq = 3,
	  .state = TOASTIE_FAILED,
	  .plate = 0,
	  .stall = TEXT_INIT("main"),
	  .customer = TEXT_INIT("gita"),
	  .grill = TEXT_INIT("left"),
	  .reason = TEXT_INIT("power cut"),
	  .at = TEXT_INIT("2026-01-02T03:04:05Z") },
};

START_TEST(what_is_written_is_read)
	{
		struct envelope envelope = fixture_envelope(EVENT_TOASTIE, 1);
		const struct toastie *written = &toasties[_i];
		struct toastie read;
		uint8_t bytes[256];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		envelope.seq = written->seq;
		ck_assert_int_eq(toastie_encode(written, &writer), 0);
		ck_assert_int_eq(
			toastie_decode(&read, &envelope, bytes, writer.n, NULL),
			0);
		ck_assert_int_eq(
			order_id_compare(&read.order_id, &written->order_id),
			0);
		ck_assert_int_eq(read.number, written->number);
		ck_assert_int_eq(read.seq, written->seq);
		ck_assert_int_eq(read.state, written->state);
		ck_assert_int_eq(read.plate, written->plate);
		ck_assert(text_equal(read.stall, written->stall));
		ck_assert(text_equal(read.customer, written->customer));
		ck_assert(text_equal(read.grill, written->grill));
		ck_assert(text_equal(read.reason, written->reason));
		ck_assert(text_equal(read.at, written->at));
		writer = (struct msgpack_writer){ .p = bytes, .cap = 10 };
		ck_assert_int_eq(toastie_encode(written, &writer), -ENOBUFS);
	}
END_TEST

START_TEST(states_have_names)
	{
		static const char *const names[] = { "queued",    "grilling",
						     "done",      "failed",
						     "uncertain", "returned" };
		enum toastie_state state;

		for (size_t i = 0; i < N_TOASTIE_STATES; i++) {
			ck_assert_int_eq(
				toastie_state_parse(&state, text_of(names[i])),
				0);
			ck_assert_uint_eq(state, i);
			ck_assert_str_eq(toastie_state_name(state), names[i]);
		}
		ck_assert_int_gt(toastie_state_parse(&state, TEXT("eaten")), 0);
	}
END_TEST

#define BASE ID ",'number':1,'stall':'main'"

static const struct {
	const char *json, *what;
} refused[] = {
	{ "'toastie'", "the body must be a map" },
	{ "{}", "order_id must be a UUID in text" },
	{ "{" ID ",'number':-1}",
	  "number must be an integer from 0 to 9223372036854775807" },
	{ "{" ID "}", "stall must be a text of 1 to 255 characters" },
	{ "{" BASE "," AT "}", "state must be a text of 1 to 255 characters" },
	{ "{" BASE ",'state':'eaten'," AT "}",
	  "state must be queued, grilling, done, failed, uncertain or "
	  "returned" },
	{ "{" BASE ",'state':'done','customer':1," AT "}",
	  "customer must be a text of at most 255 characters" },
	{ "{" BASE ",'state':'done','grill':1," AT "}",
	  "grill must be a text of at most 255 characters" },
	{ "{" BASE ",'state':'done','plate':-1," AT "}",
	  "plate must be an integer from 0 to 2147483647" },
	{ "{" BASE ",'state':'done','reason':[]," AT "}",
	  "reason must be a text of at most 255 characters" },
	{ "{" BASE ",'state':'done'}",
	  "at must be a text of 1 to 255 characters" },
};

START_TEST(what_breaks_the_contract_is_named)
	{
		struct envelope envelope = fixture_envelope(EVENT_TOASTIE, 1);
		struct toastie toastie;
		struct schema_fault fault;

		fixture_body(&fixture, refused[_i].json);
		ck_assert_int_eq(toastie_decode(&toastie, &envelope,
						fixture.bytes, fixture.writer.n,
						&fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_int_eq(
			toastie_decode(&toastie, &envelope, "", 0, &fault),
			SCHEMA_E_MALFORMED);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("toastie");
	TCase *tcase = tcase_create("toastie");

	tcase_add_loop_test(tcase, what_is_written_is_read, 0,
			    CHECK_N(toasties));
	tcase_add_test(tcase, states_have_names);
	tcase_add_loop_test(tcase, what_breaks_the_contract_is_named, 0,
			    CHECK_N(refused));
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
