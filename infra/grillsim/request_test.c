/* SPDX-License-Identifier: MIT */
/* Which bytes are a request of ours, and what a grill of four plates does. */
#include <modbus.h>
#include <string.h>

#include "infra/grillsim/request.h"
#include "infra/lib/check_fixture.h"

enum { UNIT = 1, N_PLATES = 4 };

/* A frame from its unit on; the six bytes before are made from that. */
#define READ(address, n)                                                       \
	{                                                                      \
		UNIT, 3, (address) >> 8, (address)&255, 0, n                   \
	}
#define WRITE(address, n, n_bytes)                                             \
	{                                                                      \
		UNIT, 16, (address) >> 8, (address)&255, 0, n, n_bytes         \
	}

static size_t frame_of(uint8_t *ret, const uint8_t *p, size_t n)
{
	const uint8_t head[] = { 0x12, 0x34, 0, 0, 0, (uint8_t)n };

	memcpy(ret, head, sizeof(head));
	memcpy(ret + sizeof(head), p, n);
	return sizeof(head) + n;
}

static int parse(struct request *ret, const uint8_t *p, size_t n)
{
	return request_parse(ret, p, n, UNIT, N_PLATES);
}

static const struct {
	const char *name;
	size_t n; /* from the unit on */
	uint8_t p[40];
	enum request_kind kind;
	int first_plate, last_plate;
	int exception;
} frames[] = {
	{ "the whole identity", 6, READ(0x2000, 3), REQUEST_IDENTITY, 0, 0, 0 },
	{ "the end of it", 6, READ(0x2002, 1), REQUEST_IDENTITY, 0, 0, 0 },
	{ "the first plate", 6, READ(0, 16), REQUEST_STATUS, 0, 0, 0 },
	{ "all plates", 6, READ(0, 64), REQUEST_STATUS, 0, 3, 0 },
	{ "parts of two plates", 6, READ(31, 2), REQUEST_STATUS, 1, 2, 0 },
	{ "a command", 33, WRITE(0x1030, 13, 26), REQUEST_COMMAND, 3, 3, 0 },

	{ "another unit", 6, { 2, 3, 0, 0, 0, 1 }, REQUEST_REFUSED, 0, 0, 11 },
	{ "a write of one", 6, { 1, 6, 0, 0, 0, 1 }, REQUEST_REFUSED, 0, 0, 1 },
	{ "only a function", 2, { UNIT, 17 }, REQUEST_REFUSED, 0, 0, 1 },

	{ "a read behind the plates", 6, READ(64, 1), REQUEST_REFUSED, 0, 0,
	  2 },
	{ "a read past the plates", 6, READ(63, 2), REQUEST_REFUSED, 0, 0, 2 },
	{ "a read before identity", 6, READ(0x1fff, 2), REQUEST_REFUSED, 0, 0,
	  2 },
	{ "a read past identity", 6, READ(0x2002, 2), REQUEST_REFUSED, 0, 0,
	  2 },
	{ "a read of commands", 6, READ(0x1000, 13), REQUEST_REFUSED, 0, 0, 2 },
	{ "a write to status", 33, WRITE(0, 13, 26), REQUEST_REFUSED, 0, 0, 2 },
	{ "a write to no plate", 33, WRITE(0x1040, 13, 26), REQUEST_REFUSED, 0,
	  0, 2 },
	{ "a write between plates", 33, WRITE(0x1001, 13, 26), REQUEST_REFUSED,
	  0, 0, 2 },
	{ "a part of a command", 31, WRITE(0x1000, 12, 24), REQUEST_REFUSED, 0,
	  0, 2 },
	{ "more than a command", 35, WRITE(0x1000, 14, 28), REQUEST_REFUSED, 0,
	  0, 2 },

	{ "a read of nothing", 6, READ(0, 0), REQUEST_REFUSED, 0, 0, 3 },
	{ "a read of too much", 6, READ(0, 126), REQUEST_REFUSED, 0, 0, 3 },
	{ "a short read", 4, { UNIT, 3, 0, 0 }, REQUEST_REFUSED, 0, 0, 3 },
	{ "a long read", 7, READ(0, 1), REQUEST_REFUSED, 0, 0, 3 },
	{ "a write without its bytes", 6, WRITE(0x1000, 1, 0), REQUEST_REFUSED,
	  0, 0, 3 },
	{ "a write of no registers", 7, WRITE(0x1000, 0, 0), REQUEST_REFUSED, 0,
	  0, 3 },
	{ "a write that ends early", 32, WRITE(0x1000, 13, 26), REQUEST_REFUSED,
	  0, 0, 3 },
	{ "a write of other lengths", 33, WRITE(0x1000, 13, 24),
	  REQUEST_REFUSED, 0, 0, 3 },
	{ "a write of too many", 9, WRITE(0x1000, 200, 2), REQUEST_REFUSED, 0,
	  0, 3 },
};

START_TEST(a_frame_is_what_its_bytes_say)
	{
		uint8_t p[2 * sizeof(frames[0].p)];
		size_t n = frame_of(p, frames[_i].p, frames[_i].n);
		struct request request;

		/* The bytes behind a request belong to the next request. */
		ck_assert_int_eq(parse(&request, p, n + 7), 0);
		ck_assert_uint_eq(request.n_bytes, n);
		ck_assert_msg(request.kind == frames[_i].kind &&
				      request.exception == frames[_i].exception,
			      "%s: kind %d, exception %d", frames[_i].name,
			      request.kind, request.exception);
		ck_assert_int_eq(request.first_plate, frames[_i].first_plate);
		ck_assert_int_eq(request.last_plate, frames[_i].last_plate);
	}
END_TEST

START_TEST(a_command_is_waited_for_until_it_is_whole)
	{
		uint8_t body[33] = WRITE(0x1000, 13, 26);
		uint8_t p[64];
		struct request request;
		size_t n;

		for (size_t i = 7; i < sizeof(body); i++)
			body[i] = (uint8_t)i;
		n = frame_of(p, body, sizeof(body));
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(parse(&request, p, i), REQUEST_E_MORE);
		ck_assert_int_eq(parse(&request, p, n), 0);
		ck_assert_uint_eq(request.token, 0x0708090a);
		ck_assert(!memcmp(&request.job, body + 11, 16));
		ck_assert_uint_eq(request.time_ms, 0x1b1c1d1e);
		ck_assert_uint_eq(request.verb, 0x1f20);
	}
END_TEST

static const uint8_t broken[][8] = {
	{ 0, 1, 0, 1, 0, 6, 1, 3 },   /* another protocol */
	{ 0, 1, 0, 0, 0, 1, 1, 3 },   /* too short for a function */
	{ 0, 1, 0, 0, 0, 0, 1, 3 },   /* too short for anything */
	{ 0, 1, 0, 0, 0, 255, 1, 3 }, /* longer than frames are */
	{ 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T' },
};

START_TEST(what_is_not_modbus_ends_the_connection)
	{
		struct request request;

		ck_assert_int_eq(parse(&request, broken[_i], 8),
				 REQUEST_E_BROKEN);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request");
	TCase *tests = check_case(suite, 60);

	tcase_add_loop_test(tests, a_frame_is_what_its_bytes_say, 0,
			    CHECK_N(frames));
	tcase_add_test(tests, a_command_is_waited_for_until_it_is_whole);
	tcase_add_loop_test(tests, what_is_not_modbus_ends_the_connection, 0,
			    CHECK_N(broken));
	return check_run(suite);
}
