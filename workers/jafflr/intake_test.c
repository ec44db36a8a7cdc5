/* SPDX-License-Identifier: MIT */
/*
 * Intake: stories of one order, as its picks come. A word is a story: digits,
 * and A to V after them, are lines that were picked, c a cancellation, k a
 * refused cancellation, r a refusal, g a line not for the grill; | begins the
 * next batch.
 *
 * The rows that a batch writes are kept, as the table would keep them.
 */
#include "workers/jafflr/jafflr.h"

#include <string.h>

#include "infra/lib/check_fixture.h"
#include "schemas/lanes/lanes.h"
#include "schemas/messages/pick.h"

enum { BODIES_MAX = 64 };

static const char order_text[] = "0190b6a2-0000-7000-8000-000000000001";
static const char trace[] =
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static struct order_id order_id;
static struct jafflr jafflr = { .magic = JAFFLR_MAGIC };
static struct batch *batch;
static uint8_t bodies[BODIES_MAX][512];
static int n_bodies;
static int64_t next_offset;

/* The table's row of the order, and how often it was written. */
static struct toastie_row stored;
static bool is_stored;
static int n_writes, n_marks;

static void setup(void)
{
	ck_assert_int_eq(order_id_parse(&order_id, order_text, ORDER_ID_CHARS),
			 0);
	batch = batch_new();
	next_offset = 100;
	n_bodies = 0;
	n_writes = 0;
	n_marks = 0;
	is_stored = false;
}

static void teardown(void)
{
	batch = batch_free(batch);
	jafflr_deinit(&jafflr);
}

/* ---- picks ---- */

static struct pick pick_of(enum verdict verdict, int32_t line, int32_t lines)
{
	static const struct item cheese = { TEXT_INIT("cheese"), 1 };

	return (struct pick){
		.order_id = order_id,
		.number = 77,
		.line = line,
		.lines = lines,
		.verdict = verdict,
		.doneness = DONENESS_WELL_DONE,
		.grill = true,
		.stall = TEXT("main"),
		.customer = TEXT("gita"),
		.items = &cheese,
		.n_items = 1,
	};
}

static struct envelope envelope_of(const struct pick *pick, int version)
{
	struct envelope envelope;

	envelope_init(&envelope);
	envelope.type = EVENT_PICK;
	envelope.version = version;
	envelope.id = TEXT("1");
	envelope.source = TEXT("/chillybin");
	envelope.stall = pick->stall;
	envelope.customer = pick->customer;
	envelope.number = TEXT("77");
	envelope.verdict = text_of(verdict_name(pick->verdict));
	envelope.grill = pick->grill ? TEXT("true") : TEXT("false");
	envelope.traceparent = text_of(trace);
	envelope.tracestate = TEXT("galore=1");
	return envelope;
}

/* One item stands for a whole v1 order: the line it is of is put in. */
static struct msgpack_writer encode(const struct pick *pick, int version)
{
	static struct item items[ORDER_ITEMS_MAX];
	struct pick copy = *pick;
	struct msgpack_writer writer = { .p = bodies[n_bodies % BODIES_MAX],
					 .cap = sizeof(bodies[0]) };

	n_bodies++;
	if (version == 2) {
		ck_assert_int_eq(pick_encode_v2(pick, &writer), 0);
		return writer;
	}
	for (int32_t i = 0; i < pick->lines; i++)
		items[i] = pick->items[0];
	copy.items = items;
	copy.n_items = (size_t)pick->lines;
	ck_assert_int_eq(pick_encode_v1(&copy, (size_t)pick->line, &writer), 0);
	return writer;
}

static struct record *arrive(const struct pick *pick, int version)
{
	struct msgpack_writer writer = encode(pick, version);
	struct kafka_record kafka = {
		.partition = 5,
		.offset = next_offset++,
		.key = order_text,
		.n_key = ORDER_ID_CHARS,
		.value = writer.p,
		.n_value = writer.n,
	};
	struct record *record = batch_add(batch, NULL, &kafka);
	struct schema_fault fault;
	int r;

	batch->envelope = envelope_of(pick, version);
	r = intake_decode(&jafflr, batch, record, &fault);
	ck_assert_msg(!r, "%s", fault.what);
	return record;
}

static int32_t line_of(char letter)
{
	return letter <= '9' ? letter - '0' : letter - 'A' + 10;
}

static struct record *arrive_letter(char letter, int32_t lines, int version)
{
	struct pick pick = pick_of(VERDICT_PICKED, 0, lines);

	switch (letter) {
	case 'c':
		pick = pick_of(VERDICT_CANCELLED, 0, 1);
		return arrive(&pick, 2);
	case 'k':
		pick = pick_of(VERDICT_KEPT, 0, 1);
		return arrive(&pick, 2);
	case 'r':
		pick.verdict = VERDICT_REFUSED;
		return arrive(&pick, 2);
	case 'g':
		pick.grill = false;
		return arrive(&pick, 2);
	default:
		pick.line = line_of(letter);
		return arrive(&pick, version);
	}
}

static const struct intake *intake_at(size_t i)
{
	return intake_of(&batch->records[i]);
}

/* ---- batches ---- */

static void load(void)
{
	struct toastie_row *copy;

	table_reset(&jafflr.rows.table);
	if (batch->mode == BATCH_FAST || !is_stored)
		return;
	copy = arena_alloc(&batch->arena, sizeof(*copy));
	*copy = stored;
	copy->changed_by = 0;
	intake_rows_add(&jafflr.rows, copy);
}

static void decide(void)
{
	batch->mode =
		batch->needs_load || is_stored ? BATCH_CHECKED : BATCH_FAST;
	batch->decided_at_ms = 1000 + next_offset;
	load();
	intake_decide(&jafflr, batch);
}

/* Of each row that was changed, the last record that did writes it. */
static void commit(void)
{
	int n = 0;

	for (size_t i = 0; i < batch->n_records; i++) {
		const struct intake *intake = intake_at(i);

		if (intake->marked) {
			stored.cancelled = true;
			n_marks++;
		}
		if (!intake->changed || intake->row->changed_by != i + 1)
			continue;
		stored = *intake->row;
		/* What is borrowed from the batch goes with it. */
		stored.stall = TEXT("main");
		is_stored = true;
		n++;
	}
	ck_assert_int_le(n, 1);
	n_writes += n;
	batch_reset(batch);
}

/* Each batch is decided twice, as after a commit that failed: alike. */
static void play(const char *story, int32_t lines, int version)
{
	for (const char *p = story;; p++) {
		if (*p && *p != '|') {
			(void)arrive_letter(*p, lines, version);
			continue;
		}
		decide();
		decide();
		commit();
		if (!*p)
			return;
	}
}

/* ---- one pick ---- */

START_TEST(a_taken_pick_becomes_a_queued_row)
	{
		struct lane_key key = { .key = TEXT("other"),
					.customer = TEXT("gita") };
		struct pick pick = pick_of(VERDICT_PICKED, 0, 1);
		const struct toastie_row *row;

		(void)arrive(&pick, _i);
		decide();
		row = intake_at(0)->row;
		ck_assert(intake_at(0)->changed);
		ck_assert_int_eq(row->state, ROW_QUEUED);
		ck_assert_int_eq(row->seq, 1);
		ck_assert_int_eq(order_id_compare(&row->order_id, &order_id),
				 0);
		ck_assert_int_eq(row->number, 77);
		ck_assert(text_equal(row->stall, TEXT("main")));
		ck_assert(text_equal(row->customer, TEXT("gita")));
		ck_assert_int_eq(row->doneness, DONENESS_WELL_DONE);
		ck_assert_int_eq(row->partition, 5);
		ck_assert_int_eq(row->offset, 100);
		ck_assert_int_eq(row->bucket, lane_bucket(&key));
		ck_assert_int_eq(row->plate, TOASTIE_PLATE_NONE);
		ck_assert(text_equal(row->traceparent, text_of(trace)));
		ck_assert(text_equal(row->tracestate, TEXT("galore=1")));
		ck_assert_int_eq(row->changed_at_ms, batch->decided_at_ms);
		ck_assert_ptr_null(row->reason.p);
		ck_assert_int_eq(batch->mode, BATCH_FAST);
	}
END_TEST

START_TEST(without_a_customer_the_key_says_which_bucket)
	{
		struct lane_key key = { .key = text_of(order_text) };
		struct pick pick = pick_of(VERDICT_PICKED, 0, 1);

		pick.customer = (struct text){ 0 };
		(void)arrive(&pick, 2);
		ck_assert_int_eq(intake_at(0)->own.bucket, lane_bucket(&key));
	}
END_TEST

START_TEST(what_is_no_pick_or_cannot_be_read_leaves_no_item)
	{
		struct record *record = arrive_letter('0', 1, 2);
		struct schema_fault fault;
		int r;

		record->item = NULL;
		if (_i)
			record->kafka.n_value /= 2;
		else
			batch->envelope.type = EVENT_TOASTIE;
		r = intake_decode(&jafflr, batch, record, &fault);
		ck_assert(_i ? r > 0 : r == SCHEMA_E_UNKNOWN_TYPE);
		ck_assert_ptr_null(record->item);
	}
END_TEST

/* ---- stories ---- */

static const struct {
	const char *story;
	int32_t lines;
	int version;
	int state; /* N_ROW_STATES: there is no row */
	int64_t seq;
	int n_writes;
} stories[] = {
	{ "0", 1, 2, ROW_QUEUED, 1, 1 },
	{ "0", 1, 1, ROW_QUEUED, 1, 1 },
	{ "00", 1, 2, ROW_QUEUED, 1, 1 },
	{ "0|0", 1, 2, ROW_QUEUED, 1, 1 },
	{ "0|0|0", 1, 1, ROW_QUEUED, 1, 1 },
	/* lines of a version 1 pick */
	{ "0", 2, 1, ROW_COLLECTING, 0, 1 },
	{ "01", 2, 1, ROW_QUEUED, 1, 1 },
	{ "10", 2, 1, ROW_QUEUED, 1, 1 },
	{ "0|1", 2, 1, ROW_QUEUED, 1, 2 },
	{ "1|0", 2, 1, ROW_QUEUED, 1, 2 },
	{ "00", 2, 1, ROW_COLLECTING, 0, 1 },
	{ "0|0", 2, 1, ROW_COLLECTING, 0, 1 },
	{ "2|0|2|1", 3, 1, ROW_QUEUED, 1, 3 },
	{ "0|12|012", 3, 1, ROW_QUEUED, 1, 2 },
	{ "01234567", 8, 1, ROW_QUEUED, 1, 1 },
	{ "VUTSRQPONMLKJIHGFEDCBA987654321", ORDER_ITEMS_MAX, 1, ROW_COLLECTING,
	  0, 1 },
	{ "VUTSRQPONMLKJIHGFEDCBA987654321|0", ORDER_ITEMS_MAX, 1, ROW_QUEUED,
	  1, 2 },
	/* a cancellation */
	{ "c", 1, 2, ROW_CANCELLED, 0, 1 },
	{ "cc", 1, 2, ROW_CANCELLED, 0, 1 },
	{ "c|c", 1, 2, ROW_CANCELLED, 0, 1 },
	{ "c0", 1, 2, ROW_RETURNED, 1, 1 },
	{ "c|0", 1, 2, ROW_RETURNED, 1, 2 },
	{ "c|0|0|c", 1, 2, ROW_RETURNED, 1, 2 },
	{ "0c", 1, 2, ROW_RETURNED, 2, 1 },
	{ "0|c", 1, 2, ROW_RETURNED, 2, 2 },
	{ "0|c|c|0", 1, 2, ROW_RETURNED, 2, 2 },
	{ "c|0|1", 2, 1, ROW_RETURNED, 1, 2 },
	{ "0|c|1", 2, 1, ROW_RETURNED, 1, 2 },
	{ "0c1", 2, 1, ROW_RETURNED, 1, 1 },
	{ "01c", 2, 1, ROW_RETURNED, 2, 1 },
	{ "0|1|c", 2, 1, ROW_RETURNED, 2, 3 },
	/* what passes */
	{ "r", 1, 2, N_ROW_STATES, 0, 0 },
	{ "k", 1, 2, N_ROW_STATES, 0, 0 },
	{ "g", 1, 2, N_ROW_STATES, 0, 0 },
	{ "rkg|gkr", 1, 2, N_ROW_STATES, 0, 0 },
	{ "0|k", 1, 2, ROW_QUEUED, 1, 1 },
	{ "k|0", 1, 2, ROW_QUEUED, 1, 1 },
	{ "", 1, 2, N_ROW_STATES, 0, 0 },
};

START_TEST(a_story_ends_as_it_should_and_writes_a_row_once_a_batch)
	{
		play(stories[_i].story, stories[_i].lines, stories[_i].version);
		ck_assert_int_eq(is_stored, stories[_i].state != N_ROW_STATES);
		ck_assert_int_eq(n_writes, stories[_i].n_writes);
		if (!is_stored)
			return;
		ck_assert_int_eq(stored.state, stories[_i].state);
		ck_assert_int_eq(stored.seq, stories[_i].seq);
		ck_assert(stored.cancelled == !!strchr(stories[_i].story, 'c'));
		ck_assert_int_eq(n_marks, 0);
		ck_assert_int_eq(stored.lines, stories[_i].story[0] == 'c'
						       ? 1
						       : stories[_i].lines);
		ck_assert_int_eq(stored.offset,
				 100 + (stories[_i].story[0] == 'k'));
		ck_assert(
			text_equal(stored.reason,
				   stored.state == ROW_RETURNED ||
						   stored.state == ROW_CANCELLED
					   ? TEXT("cancelled")
					   : (struct text){ 0 }));
	}
END_TEST

START_TEST(a_toastie_that_has_started_is_finished)
	{
		static const enum row_state states[] = {
			ROW_GRILLING,  ROW_DONE,     ROW_FAILED,
			ROW_UNCERTAIN, ROW_RETURNED,
		};

		play("0", 1, 2);
		stored.state = states[_i];
		stored.seq = 9;
		play("c0c", 1, 2);
		ck_assert_int_eq(stored.state, states[_i]);
		ck_assert_int_eq(stored.seq, 9);
		ck_assert_int_eq(n_writes, 1);
		/* It is remembered, once: it may yet go back to the queue. */
		ck_assert(stored.cancelled);
		ck_assert_int_eq(n_marks, 1);
		play("c", 1, 2);
		ck_assert_int_eq(n_marks, 1);
	}
END_TEST

/* An older worker has put it back into the queue all the same. */
START_TEST(what_is_queued_though_it_was_cancelled_is_returned_when_asked_again)
	{
		play("0", 1, 2);
		stored.cancelled = true;
		play("cc", 1, 2);
		ck_assert_int_eq(stored.state, ROW_RETURNED);
		ck_assert_int_eq(stored.seq, 2);
		ck_assert_int_eq(n_writes, 2);
		ck_assert_int_eq(n_marks, 0);
	}
END_TEST

enum { N_AT_RANDOM = 12 };

/* All lines at least once, in any order, repeated, in any batches. */
static void make_story(char *story, const char *needed, uint32_t *random)
{
	size_t n = strlen(needed);

	for (int i = 0; i < N_AT_RANDOM; i++) {
		size_t k;

		*random = *random * 1664525 + 1013904223;
		k = (*random >> 16) % (n + 2);
		*story++ = k < n ? needed[k] : '|';
	}
	memcpy(story, needed, n + 1);
}

START_TEST(the_same_picks_end_alike_in_whatever_order_they_come)
	{
		uint32_t random = 3;

		for (int round = 0; round < 2000; round++) {
			bool cancelled = round % 2;
			char story[32];

			make_story(story, cancelled ? "c0123" : "0123",
				   &random);
			is_stored = false;
			play(story, 4, 1);
			ck_assert_msg(stored.state == (cancelled ? ROW_RETURNED
								 : ROW_QUEUED),
				      "'%s' ends in state %d", story,
				      stored.state);
			ck_assert_int_ge(stored.seq, 1);
			ck_assert_int_le(stored.seq, cancelled ? 2 : 1);
		}
	}
END_TEST

/* ---- batches ---- */

static const struct {
	char letter;
	int32_t lines;
	int version;
	bool needs_load;
} firsts[] = {
	{ '0', 1, 2, false }, { '0', 1, 1, false }, { '0', 2, 1, true },
	{ 'c', 1, 2, true },  { 'r', 1, 2, false }, { 'k', 1, 2, false },
};

START_TEST(only_lines_and_cancellations_rest_on_what_was_there)
	{
		(void)arrive_letter(firsts[_i].letter, firsts[_i].lines,
				    firsts[_i].version);
		ck_assert(batch->needs_load == firsts[_i].needs_load);
	}
END_TEST

START_TEST(what_is_dead_or_was_decided_before_is_left_alone)
	{
		for (int i = 0; i < 3; i++)
			(void)arrive_letter('0', 1, 2);
		batch->records[0].decided = true;
		batch_dead(batch, &batch->records[1], "conflict", "detail");
		decide();
		ck_assert(!intake_at(0)->changed);
		ck_assert(!intake_at(1)->changed);
		ck_assert(intake_at(2)->changed);
		ck_assert_uint_eq(intake_at(2)->row->changed_by, 3);
	}
END_TEST

START_TEST(decided_again_it_heeds_what_was_read_anew)
	{
		(void)arrive_letter('0', 1, 2);
		decide();
		ck_assert(intake_at(0)->changed);
		/* Another had it already: it was found when it was written. */
		stored = *intake_at(0)->row;
		is_stored = true;
		decide();
		ck_assert(!intake_at(0)->changed);
	}
END_TEST

START_TEST(orders_of_one_batch_do_not_meet)
	{
		for (uint8_t i = 0; i < 50; i++) {
			order_id.bytes[0] = i;
			(void)arrive_letter(i % 2 ? 'c' : '0', 1, 2);
		}
		decide();
		for (size_t i = 0; i < 50; i++) {
			const struct toastie_row *row = intake_at(i)->row;

			ck_assert_uint_eq(row->order_id.bytes[0], i);
			ck_assert_int_eq(row->state,
					 i % 2 ? ROW_CANCELLED : ROW_QUEUED);
			ck_assert_uint_eq(row->changed_by, i + 1);
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("intake");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_taken_pick_becomes_a_queued_row, 1, 3);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ without_a_customer_the_key_says_which_bucket, 1 },
		{ what_is_no_pick_or_cannot_be_read_leaves_no_item, 2 },
		{ a_story_ends_as_it_should_and_writes_a_row_once_a_batch, CHECK_N(stories) },
		{ a_toastie_that_has_started_is_finished, 5 },
		{ what_is_queued_though_it_was_cancelled_is_returned_when_asked_again, 1 },
		{ the_same_picks_end_alike_in_whatever_order_they_come, 1 },
		{ only_lines_and_cancellations_rest_on_what_was_there, CHECK_N(firsts) },
		{ what_is_dead_or_was_decided_before_is_left_alone, 1 },
		{ decided_again_it_heeds_what_was_read_anew, 1 },
		{ orders_of_one_batch_do_not_meet, 1 },
		{ 0 },
	});
	/* clang-format on */
	return check_run(suite);
}
