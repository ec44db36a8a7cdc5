/* SPDX-License-Identifier: MIT */
/*
 * Batches: which records go into the open batch, and how many of them. The
 * facts of a committed batch go out in parts, and only those of partitions
 * that are ours as they were at the commit.
 */
#include <stdlib.h>

#include "workers/runtime/batches/batches_fixture.h"

#define MIB ((size_t)1 << 20)

/* The open batch is that range of that partition, with so many records. */
static void check_batch(int64_t from, int64_t to, size_t n_records)
{
	ck_assert_uint_eq(batches->open->extent->n_ranges, 1);
	ck_assert_int_eq(batches->open->extent->ranges[0].from, from);
	ck_assert_int_eq(batches->open->extent->ranges[0].to, to);
	ck_assert_uint_eq(batches->open->n_records, n_records);
}

/* ---- which record comes next ---- */

/*
 * What comes of partition 3, and what is made of it; offsets are counted from
 * FIRST. r3: a record; e3: the end of the log; u: it cannot be read; t: a turn,
 * in which reading begins where it has to; b: reading begins anew.
 */
static const struct {
	const char *sentence, *steps;
	int64_t next_read;
	int64_t to;       /* the batch is [FIRST, to); 0: it is empty */
	size_t n_records; /* in it */
	size_t n_resumes; /* of the client */
} comings[] = {
	{ "a gap between two records is passed at once", "r0 r5 t", 6, 6, 2,
	  1 },
	{ "a gap before the first record is not believed", "r5 t", 0, 0, 0, 2 },
	{ "it is when it comes again", "r5 t r5", 6, 6, 1, 2 },
	{ "it is not before another record than the first time",
	  "r5 t r3 t r5 t", 0, 0, 0, 4 },
	{ "reading goes on after that", "r5 t r3 t r5 t r0", 1, 1, 1, 4 },
	{ "what is behind a record that is not in turn is ignored", "r5 r5 r0",
	  0, 0, 0, 1 },
	{ "a record after a new beginning has no witness either", "r0 b r5", 1,
	  1, 1, 2 },
	{ "offsets below the one that must come next are ignored",
	  "r-100 r-1 r0 r0 e0 r1 t", 2, 2, 2, 1 },
	{ "the end of the log passes what is before it", "r0 e3", 3, 3, 1, 1 },
	{ "it has no witness at first", "e3 t", 0, 0, 0, 2 },
	{ "alone it makes a range without records", "e3 t e3", 3, 3, 0, 2 },
	{ "where we are it makes no batch", "e0", 0, 0, 0, 1 },
	{ "but from then on reading flows", "e0 r5", 6, 6, 1, 1 },
	{ "what came before it cannot be read is kept, nothing behind it is",
	  "r0 r1 u r2 e9", 2, 2, 2, 1 },
};

static void step(const char *text)
{
	int64_t offset = FIRST + strtoll(text + 1, NULL, 10);

	if (*text == 'r')
		come(3, offset);
	else if (*text == 'e')
		come_mark(KAFKA_END, 3, offset, NULL);
	else if (*text == 'u')
		come_mark(KAFKA_UNREADABLE, 3, 0, "damaged");
	else if (*text == 'b')
		assignment_at(3)->state = ASSIGNMENT_ACQUIRED;
	if (*text == 't' || *text == 'b')
		assignments_turn(assignments);
	batches_read(batches);
}

START_TEST(only_the_record_that_must_come_next_is_read)
	{
		for (const char *at = comings[_i].steps; at;
		     at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
			step(at);
		ck_assert_msg(assignment_at(3)->next_read ==
				      FIRST + comings[_i].next_read,
			      "%s: %lld", comings[_i].sentence,
			      (long long)assignment_at(3)->next_read);
		ck_assert_uint_eq(client_at(3)->n_resumes,
				  comings[_i].n_resumes);
		if (comings[_i].to)
			check_batch(FIRST, FIRST + comings[_i].to,
				    comings[_i].n_records);
		else
			ck_assert(batch_empty(batches->open));
	}
END_TEST

START_TEST(partitions_that_are_not_declared_or_not_ours_are_ignored)
	{
		assignment_at(5)->state = ASSIGNMENT_WARM;
		come(5, FIRST);
		come(TOPIC_PARTITIONS, FIRST);
		come_mark(KAFKA_END, TOPIC_PARTITIONS, FIRST, NULL);
		batches_read(batches);
		ck_assert(batch_empty(batches->open));
		ck_assert_uint_eq(in->n_in_hand, 0);
	}
END_TEST

/* ---- lanes ---- */

/* The records of the stall `north` are those of a second lane. */
static struct lane_position *add_lane(int32_t partition)
{
	char **names = xmalloc(sizeof(*names));
	struct assignment *assignment = assignment_at(partition);

	names[0] = strdup("north");
	assignments->lanes.lanes[1] = (struct lane){ .kind = LANE_STALLS,
						     .names = names,
						     .n_names = 1 };
	assignments->lanes.n_lanes = 2;
	assignment->lanes[1] = (struct lane_position){ .lane = 1,
						       .next_offset = FIRST,
						       .emitted = FIRST };
	assignment->n_lanes = 2;
	return &assignment->lanes[1];
}

START_TEST(a_record_whose_facts_are_published_is_skipped)
	{
		struct lane_position *north = add_lane(3);

		north->emitted = FIRST + 4;
		north->next_offset = FIRST + 6;
		for (int64_t i = FIRST; i < FIRST + 8; i++)
			come_of(3, i, i % 2 ? "north" : "south");
		check_read(3, FIRST + 8);
		check_batch(FIRST, FIRST + 8, 6);
		/* The other lane's, and what came after its facts. */
		for (size_t i = 0; i < 6; i++) {
			static const int64_t offsets[] = {
				FIRST,     FIRST + 2, FIRST + 4,
				FIRST + 5, FIRST + 6, FIRST + 7,
			};
			const struct record *record =
				&batches->open->records[i];

			ck_assert_int_eq(record->kafka.offset, offsets[i]);
			ck_assert_int_eq(record->lane, (int)(offsets[i] % 2));
			/* Of north's all before FIRST + 6 were decided. */
			ck_assert_int_eq(record->decided,
					 offsets[i] == FIRST + 5);
		}
		ck_assert_uint_eq(n_decoded, 6);
	}
END_TEST

START_TEST(a_record_of_a_lane_that_is_not_ours_is_skipped)
	{
		(void)add_lane(3);
		assignment_at(3)->n_lanes = 1;
		come_of(3, FIRST, "north");
		come_of(3, FIRST + 1, "south");
		check_read(3, FIRST + 2);
		check_batch(FIRST, FIRST + 2, 1);
		ck_assert_int_eq(batches->open->records[0].kafka.offset,
				 FIRST + 1);
	}
END_TEST

START_TEST(a_record_is_decoded_with_the_texts_of_its_envelope)
	{
		const struct envelope *envelope = &batches->open->envelope;

		come_of(3, FIRST, "toast");
		batches_read(batches);
		CHECK_BYTES(envelope->stall.p, envelope->stall.n, "toast");
		ck_assert_ptr_eq(batches->open->records[0].event_id.p,
				 envelope->id.p);
		CHECK_BYTES(envelope->id.p, envelope->id.n, "id");
	}
END_TEST

START_TEST(a_lane_of_stalls_has_what_says_so_in_its_body)
	{
		static const char body[] = "\x81\xa5stall\xa5north";
		struct kafka_record record = { .partition = 3,
					       .offset = FIRST,
					       .value = body,
					       .n_value = sizeof(body) - 1 };
		const struct kafka_in_fake_header headers[] = {
			{ "ce_specversion", "1.0", 3 },
			{ "ce_type", "galore.pick", 11 },
			{ "ce_id", "1", 1 },
			{ "ce_source", "/test", 5 },
			{ "schema-version", "2", 1 },
		};

		(void)add_lane(3);
		kafka_in_fake_push(in, &record, headers, CHECK_N(headers));
		check_read(3, FIRST + 1);
		ck_assert_int_eq(batches->open->records[0].lane, 1);
	}
END_TEST

START_TEST(a_record_without_an_envelope_is_dead_and_not_decoded)
	{
		struct kafka_record record = { .partition = 3,
					       .offset = FIRST };

		kafka_in_fake_push(in, &record, NULL, 0);
		check_read(3, FIRST + 1);
		ck_assert_uint_eq(batches->open->n_records, 1);
		ck_assert(batches->open->records[0].poison);
		ck_assert_ptr_nonnull(batches->open->records[0].dead_reason);
		ck_assert_uint_eq(n_decoded, 0);
	}
END_TEST

/* ---- how much ---- */

/* That many bytes in its key, its value or a header that it does not know. */
enum part { KEY, VALUE, HEADER };

static void come_large(int32_t partition, int64_t offset, size_t n_bytes,
		       enum part part)
{
	static char bytes[MIB];
	struct kafka_record record = { .partition = partition,
				       .offset = offset };
	struct kafka_in_fake_header header = { "large", bytes, n_bytes };

	ck_assert_uint_le(n_bytes, sizeof(bytes));
	if (part == KEY) {
		record.key = bytes;
		record.n_key = n_bytes;
	} else if (part == VALUE) {
		record.value = bytes;
		record.n_value = n_bytes;
	}
	kafka_in_fake_push(in, &record, &header, part == HEADER);
}

START_TEST(a_batch_that_is_full_gets_no_more_and_reads_it_again)
	{
		for (int64_t i = 0; i < 9; i++)
			come_large(3, FIRST + i, MIB, VALUE);
		batches_read(batches);
		check_batch(FIRST, FIRST + 4, 4);
		ck_assert_int_eq(assignment_at(3)->next_read, FIRST + 4);
		ck_assert_uint_eq(in->n_in_hand, 0);
		assignments_turn(assignments);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST + 4);
		/* What comes of it waits for the next batch. */
		come(3, FIRST + 4);
		check_read(3, FIRST + 4);
		batch_reset(batches->open);
		check_read(3, FIRST + 5);
		check_batch(FIRST + 4, FIRST + 5, 1);
	}
END_TEST

START_TEST(a_batch_of_small_records_has_more_bytes)
	{
		size_t n;

		for (int64_t i = 0; i < 5000; i++)
			come_large(3, FIRST + i, 3600, VALUE);
		batches_read(batches);
		ck_assert_uint_ge(batch_bytes(batches->open), 16 * MIB);
		ck_assert_uint_lt(batch_bytes(batches->open), 17 * MIB);
		/* So many were asked for, and none had to be read again. */
		n = batches->open->n_records;
		ck_assert_uint_lt(n, 5000);
		check_batch(FIRST, FIRST + (int64_t)n, n);
		ck_assert_int_eq(assignment_at(3)->state, ASSIGNMENT_READING);
	}
END_TEST

START_TEST(the_bytes_of_all_parts_of_a_record_count)
	{
		come_large(3, FIRST, MIB, (enum part)_i);
		batches_read(batches);
		ck_assert_uint_eq(batches->open->n_records, 1);
		ck_assert_uint_ge(batch_bytes(batches->open), MIB);
		ck_assert_uint_ge(batches->record_bytes, MIB);
	}
END_TEST

START_TEST(a_full_batch_is_polled_for_only_while_the_worker_is_paused)
	{
		size_t n_polls;

		for (int64_t i = 0; i < 4; i++)
			come_large(3, FIRST + i, MIB, VALUE);
		batches_read(batches);
		n_polls = in->n_polls;
		batches_read(batches);
		ck_assert_uint_eq(in->n_polls, n_polls);
		assignments_pause(assignments);
		come(4, FIRST);
		check_read(4, FIRST);
		ck_assert_uint_gt(in->n_polls, n_polls);
		ck_assert_uint_eq(batches->open->n_records, 4);
	}
END_TEST

START_TEST(a_worker_is_too_far_until_its_full_batch_has_gone)
	{
		for (int64_t i = 0; i < 4; i++)
			come_large(3, FIRST + i, MIB, VALUE);
		batches_read(batches);
		ck_assert_uint_eq(batches->open->n_records, 4);
		ck_assert(batches_too_far(batches));
		batch_reset(batches->open);
		ck_assert(!batches_too_far(batches));
	}
END_TEST

/* What may be fetched ahead of records of that size. */
static const struct {
	size_t record_bytes, n_queued;
	bool too_far;
} aheads[] = {
	{ MIB, 16, false },
	{ MIB, 17, true },
	{ 1024, 256 * 1024, false },
	{ 1024, 256 * 1024 + 1, true },
	{ 4 * 1024, 64 * 1024, false },
	{ 4 * 1024 + 1, 4 * 1024, true },
};

START_TEST(few_large_records_are_fetched_ahead_and_many_small_ones)
	{
		batches->record_bytes = aheads[_i].record_bytes;
		in->n_queued = aheads[_i].n_queued;
		ck_assert_int_eq(batches_too_far(batches), aheads[_i].too_far);
	}
END_TEST

START_TEST(few_large_records_and_many_small_ones_are_asked_for)
	{
		come_large(3, FIRST, MIB, VALUE);
		batches_read(batches);
		batch_reset(batches->open);
		batches_read(batches);
		ck_assert_uint_ge(in->n_max, 2);
		ck_assert_uint_le(in->n_max, 5);
		for (int64_t i = 1; i < 1000; i++)
			come(3, FIRST + i);
		CHECK_WITHIN(5000, !in->first, {
			batch_reset(batches->open);
			batches_read(batches);
		});
		batch_reset(batches->open);
		batches_read(batches);
		ck_assert_uint_eq(in->n_max, READ_AT_ONCE);
	}
END_TEST

START_TEST(a_batch_has_as_many_records_as_a_transaction_may_take)
	{
		batches->batch_max = 10;
		for (int64_t i = 0; i < 15; i++)
			come(3, FIRST + i);
		batches_read(batches);
		check_batch(FIRST, FIRST + 10, 10);
		batch_reset(batches->open);
		check_read(3, FIRST + 15);
		ck_assert_uint_eq(client_at(3)->n_resumes, 1);
	}
END_TEST

/* ---- facts ---- */

#define BATCH_RECORDS 8
#define FACTS_MAX 10

/* Records whose facts went out, and what each makes wait. */
static struct {
	int64_t offset;
	struct assignment *assignment;
	uint64_t entry;
} sent[2 * BATCH_RECORDS];
static size_t n_sent, n_delivered, n_facts, n_bytes;

static void facts(void *arg, const struct batch *batch,
		  const struct record *record, struct publisher *to)
{
	(void)arg;
	(void)batch;
	ck_assert_uint_lt(n_sent, CHECK_N(sent));
	sent[n_sent].offset = record->kafka.offset;
	sent[n_sent].assignment = record->assignment;
	sent[n_sent++].entry = record->entry;
	emitted_expect_more(&record->assignment->emitted, record->entry);
	publish_fake_wait(to, publisher_waiting(to) + n_facts,
			  publisher_waiting_bytes(to) + n_bytes);
}

/* The broker has all that went out. */
static void deliver(void)
{
	for (; n_delivered < n_sent; n_delivered++)
		emitted_acknowledge(&sent[n_delivered].assignment->emitted,
				    sent[n_delivered].entry);
	publish_fake_wait(publisher, 0, 0);
}

static void setup_facts(void)
{
	static const struct worker_ops ops = { .facts = facts };
	static const struct budget budget = { .facts_max = FACTS_MAX };

	fixture_setup_of(&ops, &budget);
	n_sent = n_delivered = n_facts = n_bytes = 0;
}

/* A committed batch of the partitions 3 and 4 in turns, from FIRST on. */
static void commit(void)
{
	for (int i = 0; i < BATCH_RECORDS; i++) {
		struct kafka_record kafka = { .partition = 3 + i % 2,
					      .offset = FIRST + i };

		batch_expect(batch_add(batches->publishing,
				       assignment_at(3 + i % 2), &kafka));
	}
}

static void check_sent(size_t n)
{
	ck_assert_uint_eq(n_sent, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(sent[i].offset, FIRST + (int64_t)i);
}

/* What the facts of one record make wait, so that three reach the bound. */
static const struct {
	size_t n_facts, n_bytes;
} heavy[] = { { FACTS_MAX / 3 + 1, 1 }, { 1, 12 * MIB } };

START_TEST(the_rest_of_a_batch_waits_while_facts_are_above_the_bound)
	{
		n_facts = heavy[_i].n_facts;
		n_bytes = heavy[_i].n_bytes;
		commit();
		batches_publish(batches);
		check_sent(3);
		batches_publish(batches);
		check_sent(3);
		/* Others' have gone: those of the first three may still wait.
		 */
		publish_fake_wait(publisher, 0, 0);
		batches_publish(batches);
		check_sent(6);
		ck_assert(!batch_empty(batches->publishing));
		deliver();
		batches_publish(batches);
		check_sent(BATCH_RECORDS);
		ck_assert(batch_empty(batches->publishing));
		/* The next batch begins with its first record. */
		deliver();
		n_sent = n_delivered = 0;
		commit();
		batches_publish(batches);
		check_sent(3);
	}
END_TEST

START_TEST(a_partition_is_emitted_up_to_the_facts_that_wait)
	{
		n_facts = FACTS_MAX + 1;
		assignment_at(3)->decided = FIRST + BATCH_RECORDS;
		commit();
		ck_assert_int_eq(assignment_emitted(assignment_at(3)), FIRST);
		batches_publish(batches);
		ck_assert_int_eq(assignment_emitted(assignment_at(3)), FIRST);
		deliver();
		ck_assert_int_eq(assignment_emitted(assignment_at(3)),
				 FIRST + 2);
		n_facts = 0;
		batches_publish(batches);
		deliver();
		ck_assert_int_eq(assignment_emitted(assignment_at(3)),
				 FIRST + BATCH_RECORDS);
	}
END_TEST

/* A take-over gives it back, and a batch after that one expects facts. */
static void take_over_anew(int32_t partition)
{
	struct assignment *assignment = assignment_at(partition);

	assignments_doubt(assignments, assignment, true);
	assignment->state = ASSIGNMENT_READING;
	(void)emitted_expect(&assignment->emitted, FIRST, 1);
}

static void lose(int32_t partition)
{
	assignment_at(partition)->state = ASSIGNMENT_ACQUIRING;
}

static void (*const doubts[])(int32_t partition) = { take_over_anew, lose };

START_TEST(a_partition_that_was_taken_over_is_not_published_from_the_old_batch)
	{
		n_facts = heavy[0].n_facts;
		commit();
		batches_publish(batches);
		check_sent(3);
		doubts[_i](3);
		n_facts = 0;
		deliver();
		batches_publish(batches);
		ck_assert(batch_empty(batches->publishing));
		/* Of the five that were left, those of partition 4. */
		ck_assert_uint_eq(n_sent, 6);
		ck_assert_int_eq(sent[3].offset, FIRST + 3);
		ck_assert_int_eq(sent[4].offset, FIRST + 5);
		ck_assert_int_eq(sent[5].offset, FIRST + 7);
	}
END_TEST

START_TEST(what_was_sent_before_a_revocation_counts_for_nothing)
	{
		struct assignment *assignment = assignment_at(3);

		commit();
		batches_publish(batches);
		ck_assert_int_eq(assignment_emitted(assignment), FIRST);
		batches_drop_all(batches);
		assignments_revoked(assignments);
		/* It is given back, and begins with records without facts. */
		assignment->state = ASSIGNMENT_READING;
		assignment->decided = FIRST + 1;
		ck_assert_int_eq(assignment_emitted(assignment), FIRST + 1);
		deliver();
		ck_assert_int_eq(assignment_emitted(assignment), FIRST + 1);
	}
END_TEST

START_TEST(a_dead_record_goes_out_as_its_copy_and_without_facts)
	{
		commit();
		batch_dead(batches->publishing,
			   &batches->publishing->records[1], "malformed",
			   "no map");
		batches_publish(batches);
		ck_assert_uint_eq(n_sent, BATCH_RECORDS - 1);
		ck_assert_int_eq(sent[1].offset, FIRST + 2);
		ck_assert_uint_eq(publish_fake_n(publisher), 1);
		ck_assert_int_eq(publish_fake_first(publisher)->topic,
				 TOPIC_ORDERS_DLQ);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("batches");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, only_the_record_that_must_come_next_is_read, 0, CHECK_N(comings));
	tcase_add_test(tcase, partitions_that_are_not_declared_or_not_ours_are_ignored);
	tcase_add_test(tcase, a_record_whose_facts_are_published_is_skipped);
	tcase_add_test(tcase, a_record_of_a_lane_that_is_not_ours_is_skipped);
	tcase_add_test(tcase, a_record_is_decoded_with_the_texts_of_its_envelope);
	tcase_add_test(tcase, a_lane_of_stalls_has_what_says_so_in_its_body);
	tcase_add_test(tcase, a_record_without_an_envelope_is_dead_and_not_decoded);
	tcase_add_test(tcase, a_batch_that_is_full_gets_no_more_and_reads_it_again);
	tcase_add_test(tcase, a_batch_of_small_records_has_more_bytes);
	tcase_add_loop_test(tcase, the_bytes_of_all_parts_of_a_record_count, KEY, HEADER + 1);
	tcase_add_test(tcase, a_full_batch_is_polled_for_only_while_the_worker_is_paused);
	tcase_add_test(tcase, a_worker_is_too_far_until_its_full_batch_has_gone);
	tcase_add_loop_test(tcase, few_large_records_are_fetched_ahead_and_many_small_ones, 0, CHECK_N(aheads));
	tcase_add_test(tcase, few_large_records_and_many_small_ones_are_asked_for);
	tcase_add_test(tcase, a_batch_has_as_many_records_as_a_transaction_may_take);
	tcase = check_case(suite, 20);
	tcase_add_checked_fixture(tcase, setup_facts, fixture_teardown);
	tcase_add_loop_test(tcase, the_rest_of_a_batch_waits_while_facts_are_above_the_bound, 0, CHECK_N(heavy));
	tcase_add_test(tcase, a_partition_is_emitted_up_to_the_facts_that_wait);
	tcase_add_loop_test(tcase, a_partition_that_was_taken_over_is_not_published_from_the_old_batch, 0, CHECK_N(doubts));
	tcase_add_test(tcase, what_was_sent_before_a_revocation_counts_for_nothing);
	tcase_add_test(tcase, a_dead_record_goes_out_as_its_copy_and_without_facts);
	return check_run(suite);
}
