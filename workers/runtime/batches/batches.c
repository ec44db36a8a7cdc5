/* SPDX-License-Identifier: MIT */
/*
 * Batches: from the client's records to published facts.
 *
 * Decoding happens here, while the database thread commits the batch before.
 *
 * A dead letter is a line of the log. A flood of them is not: so many lines a
 * second; the next line says how many were left out, and the counter has them
 * all.
 */
#include "workers/runtime/batches/batches.h"

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "schemas/messages/items.h"
#include "schemas/messages/stall.h"
#include "schemas/trace.h"
#include "workers/runtime/batches/batches_state.h"
#include "workers/runtime/counters.h"

/* The longest header that a check lets pass, and a byte to see that it is
 * longer. */
#define HEADER_READ_BYTES ((size_t)MISSING_HEADER_BYTES + 1)

/* What the client keeps of a record beside its bytes. */
#define RECORD_BYTES ((size_t)400)
/* So large is a record as long as none was seen. */
#define FIRST_RECORD_BYTES ((size_t)4 << 10)
#define FEWEST_RECORDS ((size_t)64)
#define DEAD_LINES_A_SECOND 10

/*
 * Lanes that are far behind get that many records of a batch, and of its bytes
 * at most 1/BEHIND_SHARE: an order of the others waits for a small transaction
 * more, and stock rows are locked for no longer than that. Behind each such
 * batch the others have the database for as long as it took (on two busy cores
 * half of their orders took 10 ms with that pause, 23 to 50 without). So many
 * records of the log are read in a turn; most are of other lanes and soon read
 * over.
 */
#define BEHIND_A_BATCH ((size_t)48)
#define BEHIND_SHARE ((size_t)4)
#define BEHIND_A_TURN ((size_t)256)

struct batches *batches_new(const struct batches_params *params)
{
	struct batches *batches = xcalloc(1, sizeof(*batches));

	batches->params = *params;
	batches->open = batch_new();
	batches->running = batch_new();
	batches->publishing = batch_new();
	batches->batch_max = FEWEST_RECORDS;
	batches->record_bytes = FIRST_RECORD_BYTES;
	batches->dead_lines.a_second = DEAD_LINES_A_SECOND;
	return batches;
}

struct batches *batches_free(struct batches *batches)
{
	if (!batches)
		return NULL;
	(void)batch_free(batches->open);
	(void)batch_free(batches->running);
	(void)batch_free(batches->publishing);
	free(batches);
	return NULL;
}

/* ---- a record into the open batch ---- */

static void read_header(void *arg, const char *name, const void *value,
			size_t n)
{
	/* What no check would let pass is not worth looking at whole. */
	envelope_read(arg, name, value,
		      n < HEADER_READ_BYTES ? n : HEADER_READ_BYTES);
}

static struct text clean(struct text text)
{
	return text_is_clean(text) ? text : (struct text){ 0 };
}

/* Whose record is it? Whatever else is wrong with it. */
static int lane_of(const struct batches *batches,
		   const struct kafka_record *kafka,
		   const struct envelope *envelope)
{
	const struct lanes *lanes =
		assignments_lanes(batches->params.assignments);
	struct lane_key key = {
		.key = { kafka->key, kafka->n_key },
		.customer = clean(envelope->customer),
	};

	if (lanes->n_lanes == 1)
		return 0;
	if (lanes_name_stalls(lanes))
		key.stall =
			message_stall(envelope, kafka->value, kafka->n_value);
	return lanes_find(lanes, &key);
}

static void decode(struct batches *batches, struct record *record, int checked,
		   struct schema_fault *fault)
{
	int r = checked;

	if (!r)
		r = batches->params.ops->decode(batches->params.arg,
						batches->open, record, fault);
	if (!r)
		return;
	record->poison = true;
	batch_dead(batches->open, record, schema_outcome_name(r), fault->what);
}

/* How large the next ones may be: as the last ones were, if not larger. */
static void expect_size(struct batches *batches, size_t n_bytes)
{
	batches->record_bytes -= batches->record_bytes / 64;
	if (n_bytes > batches->record_bytes)
		batches->record_bytes = n_bytes;
}

static void add_record(struct batches *batches, struct assignment *assignment,
		       struct kafka_record *kafka)
{
	struct batch *open = batches->open;
	struct envelope *envelope = &open->envelope;
	struct arena before = open->arena;
	struct schema_fault fault;
	struct lane_position *position;
	struct record *record;
	int checked, lane;

	kafka_record_keep(kafka, &open->arena);
	expect_size(batches,
		    RECORD_BYTES + open->arena.n_bytes - before.n_bytes);
	envelope_init(envelope);
	kafka_record_headers(kafka, read_header, envelope);
	fault.what[0] = '\0';
	checked = envelope_check(envelope, &fault);
	lane = lane_of(batches, kafka, envelope);
	position = assignment_lane(assignment, lane);
	/* Another lane's, or its facts are published already. */
	if (!position || kafka->offset < position->emitted) {
		counter_add(&runtime_counters.skipped, 1);
		batch_skip(open, assignment, kafka->offset, kafka->offset + 1);
		arena_rewind(&open->arena, &before);
		return;
	}
	record = batch_add(open, assignment, kafka);
	batch_enclose(open, record);
	record->lane = lane;
	record->decided = record->kafka.offset < position->next_offset;
	decode(batches, record, checked, &fault);
}

static bool are_large(const struct batches *batches)
{
	return batches->record_bytes > LARGE_RECORD_BYTES;
}

static size_t max_bytes(const struct batches *batches)
{
	return are_large(batches) ? LARGE_BATCH_MAX_BYTES : BATCH_MAX_BYTES;
}

static bool is_full(const struct batches *batches)
{
	return batch_bytes(batches->open) >= max_bytes(batches);
}

static void receive(struct batches *batches, struct kafka_record *kafka,
		    bool catching_up)
{
	int64_t from;
	struct assignment *assignment = assignments_receive(
		batches->params.assignments, kafka, catching_up, &from);

	if (!assignment)
		return;
	if (from < kafka->offset)
		batch_skip(batches->open, assignment, from, kafka->offset);
	if (kafka->mark == KAFKA_END)
		return;
	if (is_full(batches)) {
		/* It came with those that have filled the batch: it is read
		 * again. */
		assignment->state = ASSIGNMENT_ACQUIRED;
		return;
	}
	assignment->next_read = kafka->offset + 1;
	assignment->read_stamp_ms = kafka->timestamp_ms;
	assignment->n_received++;
	add_record(batches, assignment, kafka);
}

bool batches_too_far(const struct batches *batches)
{
	const struct kafka_in *behind =
		assignments_catch_up(batches->params.assignments);
	size_t ahead = kafka_in_queued(batches->params.in);

	if (behind)
		ahead += kafka_in_queued(behind);
	ahead *= batches->record_bytes;
	if (!are_large(batches))
		return ahead > AHEAD_MAX_BYTES;
	return ahead > LARGE_AHEAD_MAX_BYTES || is_full(batches);
}

/* So many records more: with the @n that are there at most @n_max, and at most
 * @n_bytes in all. */
static size_t n_wanted(const struct batches *batches, size_t n, size_t n_max,
		       size_t n_bytes)
{
	size_t there = batch_bytes(batches->open), n_fit;

	if (n >= n_max || there >= n_bytes)
		return 0;
	n_fit = (n_bytes - there) / batches->record_bytes + 1;
	if (n_fit > n_max - n)
		n_fit = n_max - n;
	return n_fit < READ_AT_ONCE ? n_fit : READ_AT_ONCE;
}

static size_t poll_in(struct batches *batches, struct kafka_in *in,
		      size_t n_max, bool catching_up)
{
	size_t n = kafka_in_poll(in, batches->polled, n_max, 0);

	for (size_t i = 0; i < n; i++) {
		receive(batches, &batches->polled[i], catching_up);
		kafka_record_release(&batches->polled[i]);
	}
	return n;
}

/* A share of each batch, and of each turn: the others wait for no more. */
static void read_behind(struct batches *batches)
{
	struct assignments *assignments = batches->params.assignments;
	struct kafka_in *in = assignments_catch_up(assignments);
	const struct batch *open = batches->open;
	size_t n, n_max, n_read = 0;

	if (!in)
		return;
	if (assignments_paused(assignments)) {
		/* What was fetched ahead goes: the pause may wait for that. */
		(void)poll_in(batches, in, READ_AT_ONCE, true);
		return;
	}
	if (clock_left_ms(batches->behind_at_ms) > 0)
		return;
	do {
		n_max = n_wanted(batches, open->n_behind, BEHIND_A_BATCH,
				 max_bytes(batches) / BEHIND_SHARE);
		if (!n_max)
			return;
		n = poll_in(batches, in, n_max, true);
		n_read += n;
	} while (n == n_max && n_read < BEHIND_A_TURN);
}

int64_t batches_wake_at_ms(const struct batches *batches)
{
	if (!assignments_catch_up(batches->params.assignments) ||
	    clock_left_ms(batches->behind_at_ms) == 0)
		return INT64_MAX;
	return batches->behind_at_ms;
}

void batches_read(struct batches *batches)
{
	const struct batch *open = batches->open;
	size_t n, n_max;

	read_behind(batches);
	do {
		n_max = n_wanted(batches, open->n_records - open->n_behind,
				 batches->batch_max, max_bytes(batches));
		/* Full: the group is served again when the batch has gone. A
		 * backoff may be long, and is no reason to leave: while all is
		 * paused nothing comes but the group's callbacks. */
		if (!n_max && !assignments_paused(batches->params.assignments))
			return;
		if (!n_max)
			n_max = 1;
		n = poll_in(batches, batches->params.in, n_max, false);
	} while (n == n_max);
}

/* ---- the batch at the database ---- */

bool batches_facts_above(const struct batches *batches, size_t part)
{
	const struct publisher *publisher = batches->params.publisher;

	return publisher_waiting(publisher) >
		       batches->params.budget->facts_max / part ||
	       publisher_waiting_bytes(publisher) > FACTS_MAX_BYTES / part;
}

bool batches_idle(const struct batches *batches)
{
	return batch_empty(batches->open) && batch_empty(batches->running) &&
	       batch_empty(batches->publishing);
}

bool batches_retrying(const struct batches *batches)
{
	return batches->retry && !batch_empty(batches->running);
}

struct batch *batches_next(struct batches *batches)
{
	struct batch *batch = batches->running;

	if (batches->committed || batches_facts_above(batches, 1))
		return NULL;
	/* Of one to be retried, perhaps nothing is ours any more. */
	if (!batches_retrying(batches)) {
		batches->retry = false;
		batch_reset(batch);
		if (batch_empty(batches->open))
			return NULL;
		batches->running = batches->open;
		batches->open = batch;
		batch = batches->running;
	}
	batch_close(batch, assignments_lanes(batches->params.assignments),
		    clock_wall_ms());
	batch->closed_at_us = clock_now_us();
	batches->at_database = true;
	return batch;
}

/* So many records that the next transaction takes its time, not more. */
static void adapt_size(struct batches *batches, int64_t us)
{
	const struct batches_params *params = &batches->params;
	int64_t limit_us = params->batch_ms * 1000;
	size_t n = batches->running->n_records;

	if (us > limit_us && n > FEWEST_RECORDS)
		batches->batch_max = n * (size_t)limit_us / (size_t)us;
	else if (n * 2 > batches->batch_max)
		batches->batch_max *= 2;
	if (batches->batch_max < FEWEST_RECORDS)
		batches->batch_max = FEWEST_RECORDS;
	if (batches->batch_max > params->budget->batch_max)
		batches->batch_max = params->budget->batch_max;
}

static void log_dead(struct batches *batches, const struct record *record)
{
	const struct topic *topic =
		batches->params.identity->topics[record->kafka.topic];
	char trace[TRACE_ID_CHARS + 1];
	struct log_subject subject = {
		.topic = topic->name,
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.trace = trace_id(record->traceparent, trace),
	};

	log_about(&subject);
	log_warn("DEAD-LETTER", "%s: %s, a copy is on '%s'",
		 record->dead_reason, record->dead_detail,
		 topic_dlq(topic)->name);
	log_about(NULL);
}

static void count(struct batches *batches, const struct record *record)
{
	if (record->decided) {
		counter_add(&runtime_counters.republished, 1);
	} else if (record->dead_reason) {
		counter_add(&runtime_counters.dead, 1);
		if (log_limit_pass(&batches->dead_lines, "dead letters"))
			log_dead(batches, record);
	} else {
		counter_add(&runtime_counters.decided, 1);
	}
}

/* The facts of the batch before may still be going out. */
static void publish_next(struct batches *batches)
{
	struct batch *batch = batches->running;

	if (!batches->committed || !batch_empty(batches->publishing))
		return;
	batches->running = batches->publishing;
	batches->publishing = batch;
	batches->committed = false;
}

static bool has_behind(const struct batch *batch)
{
	for (size_t i = 0; i < batch->extent->n_ranges; i++)
		if (batch->extent->ranges[i].assignment->catching_up)
			return true;
	return false;
}

/* The next batch may begin before the facts of this one are sent: what is
 * expected holds emitted_offset back. */
void batches_committed(struct batches *batches)
{
	struct batch *batch = batches->running;
	int64_t us = clock_now_us() - batch->closed_at_us;

	batches->at_database = batches->retry = false;
	counter_observe_us(&runtime_counters.process, us,
			   (int64_t)batch->n_records);
	adapt_size(batches, us);
	if (has_behind(batch))
		batches->behind_at_ms = clock_now_ms() + us / 1000 + 1;
	for (size_t i = 0; i < batch->n_records; i++) {
		struct record *record = &batch->records[i];

		if (assignment_is_ours(record->assignment))
			batch_expect(record);
		else
			record->entry = EMITTED_NONE;
		count(batches, record);
	}
	assignments_committed(batch->extent);
	batches->committed = true;
	publish_next(batches);
}

void batches_failed(struct batches *batches)
{
	batches->at_database = false;
	batches->retry = true;
	batch_drop_lost(batches->running);
}

/* ---- facts ---- */

static void publish(struct batches *batches, const struct record *record)
{
	const struct batches_params *params = &batches->params;

	publish_begin(params->publisher, record);
	if (record->dead_reason)
		publish_dead(params->publisher, record,
			     params->identity->topics[record->kafka.topic]);
	else if (params->ops->facts)
		params->ops->facts(params->arg, batches->publishing, record,
				   params->publisher);
	publish_end(params->publisher);
}

/* After a take-over, facts are published anew, from the rows. */
static bool is_expected(const struct record *record)
{
	const struct assignment *assignment = record->assignment;

	return assignment_is_ours(assignment) &&
	       emitted_offset_of(&assignment->emitted, record->entry) >= 0;
}

static void publish_facts(struct batches *batches)
{
	const struct batch *batch = batches->publishing;

	for (; batches->n_published < batch->n_records;
	     batches->n_published++) {
		const struct record *record =
			&batch->records[batches->n_published];

		if (batches_facts_above(batches, 1))
			return; /* it goes on when the broker has got some */
		if (is_expected(record))
			publish(batches, record);
	}
	batches_drop_unpublished(batches);
}

void batches_publish(struct batches *batches)
{
	publish_facts(batches);
	publish_next(batches);
	publish_facts(batches);
}

bool batches_unpublished(const struct batches *batches)
{
	return batches->committed || !batch_empty(batches->publishing);
}

/* ---- dropping ---- */

void batches_drop_lost(struct batches *batches)
{
	batch_drop_lost(batches->open);
	/* One that waits, too: its records come again, behind those whose
	 * facts are not known to be published. */
	if (!batches->at_database)
		batch_drop_lost(batches->running);
}

void batches_drop_unpublished(struct batches *batches)
{
	batch_reset(batches->publishing);
	batches->n_published = 0;
}

void batches_drop_all(struct batches *batches)
{
	batch_reset(batches->open);
	batches_drop_unpublished(batches);
	if (batches->at_database)
		return;
	batch_reset(batches->running);
	batches->committed = false;
}
