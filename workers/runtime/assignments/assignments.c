/* SPDX-License-Identifier: MIT */
/*
 * Assignments: what the group gave, and the positions that we hold of it.
 *
 * A partition is read only between its take-over and the next doubt about it;
 * how it is read is in reading.c.
 */
#include "workers/runtime/assignments/assignments.h"

#include <inttypes.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/assignments/assignments_state.h"
#include "workers/runtime/counters.h"

struct assignments *assignments_new(struct kafka_in *in,
				    const struct identity *identity,
				    const struct kafka_in_params *catch_up)
{
	struct assignments *given = xcalloc(1, sizeof(*given));

	given->in = in;
	given->identity = identity;
	given->catch_up_params = *catch_up;
	for (int i = 0; i < READERS_MAX; i++) {
		given->all[i].topic = i % ASSIGNMENTS_MAX / TOPIC_PARTITIONS;
		given->all[i].partition = i % TOPIC_PARTITIONS;
		given->all[i].catching_up = i >= ASSIGNMENTS_MAX;
	}
	return given;
}

struct assignments *assignments_free(struct assignments *given)
{
	if (!given)
		return NULL;
	assignments_close(given);
	for (size_t i = 0; i < READERS_MAX; i++)
		emitted_deinit(&given->all[i].emitted);
	lanes_deinit(&given->lanes);
	free(given);
	return NULL;
}

struct assignment *assignments_all(struct assignments *given)
{
	return given->all;
}

const struct lanes *assignments_lanes(const struct assignments *given)
{
	return &given->lanes;
}

/* ---- what the group says ---- */

/* Somebody has raised the topic's partitions: keys have moved, and what lies
 * there has no position. */
static void note_undeclared(struct assignments *given,
			    const struct kafka_partition *partition)
{
	log_error("PARTITION-UNDECLARED",
		  "'%s' partition %" PRId32
		  " is not declared (the topic has %d), nothing reads it",
		  given->identity->topic_names[partition->topic],
		  partition->partition, TOPIC_PARTITIONS);
	given->undeclared[partition->topic] = partition->partition;
}

void assignments_given(struct assignments *given,
		       const struct kafka_partition *partitions, size_t n)
{
	memset(given->undeclared, 0, sizeof(given->undeclared));
	for (size_t i = 0; i < n; i++) {
		struct assignment *assignment;
		int topic = partitions[i].topic;

		backoff_end(&given->topic_backoffs[topic]);
		if (partitions[i].partition >= TOPIC_PARTITIONS) {
			note_undeclared(given, &partitions[i]);
			continue;
		}
		assignment =
			assignment_of(given, topic, partitions[i].partition);
		assignment->state = ASSIGNMENT_ACQUIRING;
		assignment->confirm = false;
	}
	given->joined = true;
	counter_set(&runtime_counters.assigned, (int64_t)n);
	log_info("ASSIGNED", "%zu partitions by group '%s'", n,
		 given->identity->group);
}

void assignments_revoked(struct assignments *given)
{
	given->joined = false;
	catch_up_forget(given);
	for (struct assignment *assignment = given->all;
	     assignment < given->all + READERS_MAX; assignment++) {
		assignment->state = ASSIGNMENT_FREE;
		assignment->gone = false;
		backoff_end(&assignment->backoff);
		assignment->known = false;
		assignment->n_lanes = 0;
		emitted_forget(&assignment->emitted);
	}
	counter_set(&runtime_counters.assigned, 0);
}

bool assignments_joined(const struct assignments *given)
{
	return given->joined;
}

/* ---- acquiring ---- */

bool assignments_acquiring(const struct assignments *given)
{
	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++)
		if (given->all[i].state == ASSIGNMENT_ACQUIRING)
			return true;
	return false;
}

bool assignments_warm(const struct assignments *given)
{
	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++)
		if (given->all[i].state == ASSIGNMENT_WARM)
			return true;
	return false;
}

size_t assignments_keys(const struct assignments *given, bool acquiring,
			struct position_key ret[static ASSIGNMENTS_MAX])
{
	size_t n = 0;

	for (const struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		if (assignment->state == ASSIGNMENT_FREE ||
		    (assignment->state == ASSIGNMENT_ACQUIRING) != acquiring)
			continue;
		ret[n++] = (struct position_key){
			.topic = assignment->topic,
			.partition = assignment->partition,
		};
	}
	return n;
}

void assignments_doubt(struct assignments *given, struct assignment *assignment,
		       bool confirm)
{
	struct kafka_partition partition = {
		.topic = assignment->topic,
		.partition = assignment->partition,
	};

	if (assignment->state == ASSIGNMENT_READING)
		(void)kafka_in_pause(given->in, &partition, 1);
	catch_up_end(given, assignment);
	assignment->state = ASSIGNMENT_ACQUIRING;
	assignment->confirm = confirm;
	assignment->n_lanes = 0;
	emitted_forget(&assignment->emitted);
}

void assignments_doubt_all(struct assignments *given)
{
	for (struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		if (assignment->state != ASSIGNMENT_FREE &&
		    assignment->state != ASSIGNMENT_ACQUIRING)
			assignments_doubt(given, assignment, false);
	}
}

int assignments_confirm(struct assignments *given)
{
	struct kafka_partition partitions[ASSIGNMENTS_MAX];
	size_t n = 0;
	int r;

	for (struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		if (assignment->state != ASSIGNMENT_ACQUIRING ||
		    !assignment->confirm)
			continue;
		partitions[n++] = (struct kafka_partition){
			.topic = assignment->topic,
			.partition = assignment->partition,
			.offset = assignment->written,
		};
	}
	if (!n)
		return 0;
	r = kafka_in_commit(given->in, partitions, n, true);
	if (r)
		return r;
	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++)
		given->all[i].confirm = false;
	return 0;
}

static void add_row(struct assignments *given, const struct position *row)
{
	struct assignment *assignment =
		assignment_of(given, row->topic, row->partition);

	if (assignment->state != ASSIGNMENT_ACQUIRING)
		return;
	assignment->lanes[assignment->n_lanes++] = (struct lane_position){
		.lane = row->lane,
		.next_offset = row->next_offset,
		.emitted = row->emitted_offset,
		.epoch = row->epoch,
	};
}

static void begin(struct assignment *assignment)
{
	assignment->decided = assignment_lowest(assignment);
	assignment->next_read = assignment->decided;
	assignment->known = true;
	assignment->gap_to = -1;
	/* Warm: where those are that have the lanes, follow_others(). */
	assignment->written = assignment->n_lanes ? assignment->decided : 0;
	assignment->written_at_ms = clock_now_ms();
	assignment->mirrored = 0;
	assignment->begun = false;
	assignment->failing_at_ms = 0;
	assignment->state =
		assignment->n_lanes ? ASSIGNMENT_ACQUIRED : ASSIGNMENT_WARM;
}

/* Its rows are there: each of its lanes gets a reader. */
static void begin_both(struct assignments *given, struct assignment *assignment)
{
	struct assignment *other = catch_up_split(given, assignment);

	begin(assignment);
	if (other)
		begin(other);
	counter_add(&runtime_counters.takeovers, 1);
}

/* Other assignments rest on the lanes that were read before these. */
static bool lanes_same(const struct lanes *a, const struct lanes *b)
{
	if (a->n_lanes != b->n_lanes)
		return false;
	for (size_t i = 0; i < a->n_lanes; i++)
		if (strcmp(a->lanes[i].name, b->lanes[i].name) != 0 ||
		    a->lanes[i].mine != b->lanes[i].mine ||
		    a->lanes[i].ended != b->lanes[i].ended)
			return false;
	return true;
}

/* One that came into doubt since the take-over began is not part of it. */
static bool has_key(const struct position_key *keys, size_t n_keys,
		    const struct assignment *assignment)
{
	for (size_t i = 0; i < n_keys; i++)
		if (keys[i].topic == assignment->topic &&
		    keys[i].partition == assignment->partition)
			return true;
	return false;
}

void assignments_acquired(struct assignments *given,
			  const struct position_key *keys, size_t n_keys,
			  struct positions *positions)
{
	bool same = lanes_same(&given->lanes, &positions->lanes);
	size_t n_begun = 0;

	if (!same) {
		lanes_deinit(&given->lanes);
		given->lanes = positions->lanes;
		positions->lanes.n_lanes = 0;
	}
	for (size_t i = 0; i < positions->n_rows; i++)
		add_row(given, &positions->rows[i]);
	for (struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		if (assignment->state == ASSIGNMENT_ACQUIRING) {
			if (!has_key(keys, n_keys, assignment))
				continue;
			begin_both(given, assignment);
			n_begun++;
		} else if (!same && assignment->state != ASSIGNMENT_FREE) {
			assignments_doubt(given, assignment, true);
		}
	}
	log_info("TAKEN-OVER", "%zu partitions, %zu rows, %zu lanes", n_begun,
		 positions->n_rows, given->lanes.n_lanes);
}

/* ---- refreshing ---- */

/* Do the rows say exactly what we believe? */
static bool is_still_ours(struct assignments *given,
			  struct assignment *assignment,
			  const struct positions *positions)
{
	struct assignment *other = catch_up_of(given, assignment);
	size_t n = 0;

	for (size_t i = 0; i < positions->n_rows; i++) {
		const struct position *row = &positions->rows[i];
		const struct lane_position *lane;
		int name;

		if (!row->mine || row->topic != assignment->topic ||
		    row->partition != assignment->partition)
			continue;
		name = lanes_by_name(&given->lanes, text_of(row->lane_name));
		lane = assignment_lane(assignment, name);
		if (!lane)
			lane = assignment_lane(other, name);
		if (!lane || row->epoch != lane->epoch ||
		    (POSITIONS_MOVE && row->next_offset != lane->next_offset))
			return false;
		n++;
	}
	return n == assignment->n_lanes + other->n_lanes;
}

/* A colour without lanes has nothing to do: its group's offset is where those
 * are that have them. */
static void follow_others(struct assignment *warm,
			  const struct positions *positions)
{
	int64_t lowest = INT64_MAX;

	for (size_t i = 0; i < positions->n_rows; i++) {
		const struct position *row = &positions->rows[i];

		if (row->topic == warm->topic &&
		    row->partition == warm->partition &&
		    row->emitted_offset < lowest)
			lowest = row->emitted_offset;
	}
	if (lowest < INT64_MAX)
		warm->written = lowest;
}

bool assignments_refreshed(struct assignments *given,
			   const struct positions *positions)
{
	bool all = true;

	for (struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		if (assignment->state == ASSIGNMENT_WARM)
			follow_others(assignment, positions);
		if (assignment->state == ASSIGNMENT_FREE ||
		    assignment->state == ASSIGNMENT_ACQUIRING ||
		    is_still_ours(given, assignment, positions))
			continue;
		all = false;
		log_warn("POSITION-TAKEN",
			 "'%s' partition %" PRId32 " has another holder or "
			 "lane, will confirm membership and take it over",
			 given->identity->topic_names[assignment->topic],
			 assignment->partition);
		assignments_doubt(given, assignment, true);
	}
	return all;
}

/* ---- what was written ---- */

size_t assignments_positions(struct assignments *given,
			     struct assigned_position *ret)
{
	size_t n = 0;

	for (struct assignment *assignment = given->all;
	     assignment < given->all + READERS_MAX; assignment++) {
		if (!assignment_is_ours(assignment))
			continue;
		for (size_t k = 0; k < assignment->n_lanes; k++)
			ret[n++] = assignment_position(assignment, k,
						       &given->lanes);
	}
	return n;
}

static void note_written(struct assignment *assignment, int64_t emitted)
{
	if (!assignment_is_ours(assignment) || emitted <= assignment->written)
		return;
	assignment->written = emitted;
	assignment->written_at_ms = clock_now_ms();
}

void assignments_written(const struct assigned_position *positions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		note_written(positions[i].reader, positions[i].emitted);
}

void assignments_committed(const struct batch_extent *extent)
{
	for (size_t i = 0; i < extent->n_moves; i++) {
		const struct assigned_position *move = &extent->moves[i];
		struct assignment *assignment = move->reader;

		if (!assignment_is_ours(assignment))
			continue;
		assignment_lane(assignment, move->lane_index)->next_offset =
			move->to_next;
		note_written(assignment, move->emitted);
	}
	for (size_t i = 0; i < extent->n_ranges; i++)
		if (assignment_is_ours(extent->ranges[i].assignment))
			extent->ranges[i].assignment->decided =
				extent->ranges[i].to;
}

/* For how long has a fact of it not been acknowledged, while it should be? */
static int64_t unacknowledged_ms(struct assignment *assignment, int64_t now_ms)
{
	int64_t emitted = assignment_emitted(assignment);

	if (!assignment_is_ours(assignment) || emitted == assignment->decided ||
	    emitted != assignment->emitted_last) {
		assignment->emitted_last = emitted;
		assignment->emitted_at_ms = now_ms;
	}
	return now_ms - assignment->emitted_at_ms;
}

int64_t assignments_unwritten_ms(struct assignments *given, int64_t now_ms)
{
	int64_t longest_ms = 0;

	given->unacknowledged_ms = 0;
	for (size_t i = 0; i < READERS_MAX; i++) {
		struct assignment *assignment = &given->all[i];
		int64_t ms = unacknowledged_ms(assignment, now_ms);

		if (ms > given->unacknowledged_ms)
			given->unacknowledged_ms = ms;
		if (!assignment_is_ours(assignment) ||
		    assignment_emitted(assignment) <= assignment->written)
			assignment->written_at_ms = now_ms;
		else if (now_ms - assignment->written_at_ms > longest_ms)
			longest_ms = now_ms - assignment->written_at_ms;
	}
	return longest_ms;
}

void assignments_mirror(struct assignments *given, bool all)
{
	struct kafka_partition partitions[ASSIGNMENTS_MAX];
	size_t n = 0;

	lag_note_levels(given);
	for (struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		int64_t lowest = catch_up_written(given, assignment);

		if ((!assignment_is_ours(assignment) &&
		     assignment->state != ASSIGNMENT_WARM) ||
		    lowest <= 0)
			continue;
		if (!all && lowest == assignment->mirrored)
			continue;
		assignment->mirrored = lowest;
		partitions[n++] = (struct kafka_partition){
			.topic = assignment->topic,
			.partition = assignment->partition,
			.offset = lowest,
		};
	}
	if (n)
		(void)kafka_in_commit(given->in, partitions, n, false);
}
