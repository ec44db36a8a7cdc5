/* SPDX-License-Identifier: MIT */
/*
 * Sql: the rows of `toasties` (how they are read and written, which of them
 * are ours), and intake's statements. The scheduler's are in sql_scheduler.c.
 */
#include "workers/jafflr/sql.h"

#include <string.h>

#include "schemas/limits.h"
#include "workers/jafflr/jafflr.h"

#define TIMEOUT_MS 10000
/* The longest `tracestate` that an envelope may have. */
#define TRACE_MAX_BYTES 512

_Static_assert(LANES_MAX <= 63 && TOPIC_PARTITIONS <= 63,
	       "lanes and partitions are bits of a bigint");

/* ---- reading a row ---- */

/* Where the character after the first TEXT_MAX_CHARS begins: at none of the
 * bytes with which a character goes on. */
static size_t bounded(const char *p, size_t n)
{
	size_t n_chars = 0, at = 0;

	for (; at < n && at < TEXT_MAX_BYTES; at++)
		if (((unsigned char)p[at] & 0xc0) != 0x80 &&
		    ++n_chars > TEXT_MAX_CHARS)
			return at;
	return at;
}

struct text sql_text(const struct pg *pg, int statement, int row, int column,
		     struct arena *arena)
{
	const char *p;
	size_t n;

	if (pg_null(pg, statement, row, column))
		return (struct text){ 0 };
	p = pg_bytes(pg, statement, row, column, &n);
	n = bounded(p, n);
	return (struct text){ arena_copy(arena, p, n), n };
}

/* Where a row of a result stands, and where its texts go. */
struct row_at {
	const struct pg *pg;
	int statement, row;
	struct arena *arena;
};

static struct order_id read_UUID(const struct row_at *at, int column)
{
	struct order_id id = { 0 };
	size_t n;
	const char *p = pg_bytes(at->pg, at->statement, at->row, column, &n);

	if (n == sizeof(id.bytes))
		memcpy(id.bytes, p, n);
	return id;
}

static int64_t read_INT8(const struct row_at *at, int column)
{
	return pg_i64(at->pg, at->statement, at->row, column);
}

static int32_t read_INT4(const struct row_at *at, int column)
{
	return (int32_t)read_INT8(at, column);
}

static bool is_null(const struct row_at *at, int column)
{
	return pg_null(at->pg, at->statement, at->row, column);
}

static int64_t read_NUMBER(const struct row_at *at, int column)
{
	return is_null(at, column) ? TOASTIE_NUMBER_NONE
				   : read_INT8(at, column);
}

static int32_t read_PLATE(const struct row_at *at, int column)
{
	return is_null(at, column) ? TOASTIE_PLATE_NONE : read_INT4(at, column);
}

static struct text read_TEXT(const struct row_at *at, int column)
{
	return sql_text(at->pg, at->statement, at->row, column, at->arena);
}

/* Trace context is no text that may be cut: whole, or absent. */
static struct text read_TRACE(const struct row_at *at, int column)
{
	const char *p;
	size_t n;

	if (is_null(at, column))
		return (struct text){ 0 };
	p = pg_bytes(at->pg, at->statement, at->row, column, &n);
	if (n > TRACE_MAX_BYTES)
		return (struct text){ 0 };
	return (struct text){ arena_copy(at->arena, p, n), n };
}

static enum doneness read_DONENESS(const struct row_at *at, int column)
{
	enum doneness doneness = DONENESS_LIGHT;

	(void)doneness_parse(&doneness, read_TEXT(at, column));
	return doneness;
}

static enum row_state read_STATE(const struct row_at *at, int column)
{
	return row_state_parse(read_TEXT(at, column));
}

static int64_t read_WALL(const struct row_at *at, int column)
{
	return pg_wall_ms(at->pg, at->statement, at->row, column);
}

static bool read_BOOL(const struct row_at *at, int column)
{
	return pg_bool(at->pg, at->statement, at->row, column);
}

struct toastie_row sql_row(const struct pg *pg, int statement, int row,
			   struct arena *arena)
{
	struct row_at at = { pg, statement, row, arena };

#define COLUMN(parameter, column, type, kind, field)                           \
	.field = read_##kind(&at, ROW_COLUMN_##field),
#define READ(column, kind, field) .field = read_##kind(&at, ROW_COLUMN_##field),
	return (struct toastie_row){ TOASTIE_COLUMNS(COLUMN, COLUMN, READ) };
#undef COLUMN
#undef READ
}

/* ---- writing a row ---- */

static void put_UUID(struct buf *buf, struct order_id id)
{
	pg_put_uuid(buf, id.bytes);
}

static void put_NUMBER(struct buf *buf, int64_t number)
{
	if (number == TOASTIE_NUMBER_NONE)
		pg_put_null(buf);
	else
		pg_put_i64(buf, number);
}

static void put_TEXT(struct buf *buf, struct text text)
{
	pg_put_text(buf, text.p, text.n);
}

static void put_DONENESS(struct buf *buf, enum doneness doneness)
{
	put_TEXT(buf, text_of(doneness_name(doneness)));
}

static void put_STATE(struct buf *buf, enum row_state state)
{
	put_TEXT(buf, text_of(row_state_name(state)));
}

#define put_TRACE put_TEXT
#define put_INT8 pg_put_i64
#define put_INT4 pg_put_i32
#define put_BOOL pg_put_bool

/* The arrays of an INSERT, and their types. */
#define ARRAY_UUID PG_UUID
#define ARRAY_NUMBER PG_INT8
#define ARRAY_TEXT PG_TEXT
#define ARRAY_TRACE PG_TEXT
#define ARRAY_DONENESS PG_TEXT
#define ARRAY_STATE PG_TEXT
#define ARRAY_INT8 PG_INT8
#define ARRAY_INT4 PG_INT4
#define ARRAY_BOOL PG_BOOL
#define NOTHING(column, kind, field)

static const enum pg_type insert_types[] = {
#define COLUMN(parameter, column, type, kind, field) ARRAY_##kind,
	TOASTIE_COLUMNS(COLUMN, COLUMN, NOTHING)
#undef COLUMN
};

enum { N_INSERTED = sizeof(insert_types) / sizeof(*insert_types) };

static void put_row(struct pg_call *call, const struct toastie_row *row)
{
#define COLUMN(parameter, column, type, kind, field)                           \
	put_##kind(pg_call_put(call, (parameter)-1), row->field);
	TOASTIE_COLUMNS(COLUMN, COLUMN, NOTHING)
#undef COLUMN
}

/* ---- which rows are ours ---- */

enum our_arg {
	PARTITIONS,
	ALL, /* a bool; its array is not used */
	BUCKET_BIT,
	BUCKET_LOW,
	BUCKET_HIGH,
	NAME_BIT,
	NAME,
	PARENT,
	UNTIL,
	LANE_PARTITIONS,
};

static const enum pg_type our_types[OUR_ARGS] = {
	[PARTITIONS] = PG_INT4,  [ALL] = PG_BOOL,
	[BUCKET_BIT] = PG_INT8,  [BUCKET_LOW] = PG_INT4,
	[BUCKET_HIGH] = PG_INT4, [NAME_BIT] = PG_INT8,
	[NAME] = PG_TEXT,        [PARENT] = PG_INT4,
	[UNTIL] = PG_INT4,       [LANE_PARTITIONS] = PG_INT8,
};

static int64_t bit(int i)
{
	return INT64_C(1) << i;
}

static void put_names(struct pg_call *call, const struct lane *lane, int i)
{
	char kind = lane->kind == LANE_STALLS ? 's' : 'c';
	struct buf name = { 0 };

	for (size_t k = 0; k < lane->n_names; k++) {
		buf_reset(&name);
		buf_add(&name, &kind, 1);
		buf_text(&name, lane->names[k]);
		pg_put_i64(pg_call_put(call, NAME_BIT), bit(i));
		pg_put_bytes(pg_call_put(call, NAME), name.p, name.n);
	}
	buf_deinit(&name);
}

static void put_rule(struct pg_call *call, const struct lane *lane, int i)
{
	switch (lane->kind) {
	case LANE_REST:
		return;
	case LANE_BUCKETS_RANGE:
		pg_put_i64(pg_call_put(call, BUCKET_BIT), bit(i));
		pg_put_i32(pg_call_put(call, BUCKET_LOW), lane->bucket_from);
		pg_put_i32(pg_call_put(call, BUCKET_HIGH), lane->bucket_to);
		return;
	case LANE_STALLS:
	case LANE_CUSTOMERS:
		put_names(call, lane, i);
		return;
	}
}

static void put_lanes(struct pg_call *call,
		      const struct worker_assignments *assignments)
{
	int n = (int)assignments->lanes->n_lanes;

	for (int i = 0; n > 1 && i < n; i++) {
		const struct lane *lane = &assignments->lanes->lanes[i];

		put_rule(call, lane, i);
		pg_put_i32(pg_call_put(call, PARENT), lane->parent);
		pg_put_i32(pg_call_put(call, UNTIL),
			   lane->ended ? (int32_t)lane->until : n + 1);
		pg_put_i64(pg_call_put(call, LANE_PARTITIONS),
			   assignments->partitions[0][i]);
	}
}

void sql_our_rows(struct pg_call *call,
		  const struct worker_assignments *assignments)
{
	int64_t partitions = 0;

	pg_call_begin(call);
	for (size_t i = 0; i < assignments->lanes->n_lanes; i++)
		partitions |= assignments->partitions[0][i];
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (partitions & bit(i))
			pg_put_i32(pg_call_put(call, PARTITIONS), i);
	put_lanes(call, assignments);
	for (int i = 0; i < OUR_ARGS; i++) {
		if (i == ALL)
			pg_put_bool(pg_arg(&call->args),
				    assignments->lanes->n_lanes <= 1);
		else
			pg_arg_array(&call->args, our_types[i],
				     &call->arrays[i]);
	}
}

/* ---- intake ---- */

static const struct pg_statement load_rows = {
	"load_toasties",
	"SELECT" ROW_COLUMNS "FROM toasties t"
	" WHERE order_id = ANY ($1::uuid[])",
	1,
};

/* Queued in the order of their picks, and written in that of their keys. */
#define INSERT_COLUMN(parameter, column, type, kind, field) "\"" #column "\", "
#define INSERT_FIRST(parameter, column, type, kind, field)                     \
	"$" #parameter "::" type "[]"
#define INSERT_ARRAY(parameter, column, type, kind, field)                     \
	", $" #parameter "::" type "[]"
/* clang-format off */
#define INSERT_ROWS                                                            \
	"INSERT INTO toasties AS t ("                                          \
	TOASTIE_COLUMNS(INSERT_COLUMN, INSERT_COLUMN, NOTHING)                 \
	"queue_number, changed_at) SELECT r.*, $17 FROM ("                     \
	"SELECT u.*, nextval('toastie_queue_seq') FROM unnest("               \
	TOASTIE_COLUMNS(INSERT_FIRST, INSERT_ARRAY, NOTHING)                   \
	") AS u(order_id)) AS r ORDER BY r.order_id"
/* clang-format on */

/* Nothing was read: all of them must be new. */
static const struct pg_statement insert_rows = {
	"insert_toasties",
	"WITH added AS (" INSERT_ROWS " ON CONFLICT DO NOTHING RETURNING 1)"
	" SELECT expect_rows((SELECT count(*) FROM added),"
	" cardinality($1::uuid[]))",
	17,
};

/* What was read is what is there: only the position's holder writes rows that
 * wait. A row that was there keeps its place in the queue. */
static const struct pg_statement write_rows = {
	"write_toasties",
	INSERT_ROWS " ON CONFLICT (order_id) DO UPDATE SET"
		    " state = excluded.state, seq = excluded.seq,"
		    " lines_seen = excluded.lines_seen,"
		    " reason = excluded.reason,"
		    " cancelled = excluded.cancelled,"
		    " changed_at = excluded.changed_at",
	17,
};

/* Of a row that is beyond the queue, where a person may decide meanwhile. */
static const struct pg_statement mark_cancelled = {
	"mark_toasties_cancelled",
	"UPDATE toasties t SET cancelled = true FROM (SELECT order_id"
	" FROM toasties WHERE order_id = ANY ($1::uuid[])"
	" ORDER BY order_id FOR UPDATE) c WHERE t.order_id = c.order_id",
	1,
};

static const enum pg_type ids[] = { PG_UUID };

/* A record that the batch does not decide is neither read nor written. */
static bool is_decided_now(const struct record *record)
{
	return !record->dead_reason && !record->decided;
}

int sql_load(void *arg, struct pg *pg, struct batch *batch)
{
	struct intake_rows *rows = &jafflr_of(arg)->rows;
	struct pg_call *call = &jafflr_of(arg)->sql.calls[0];
	int i, r;

	table_reset(&rows->table);
	pg_call_begin(call);
	for (size_t k = 0; k < batch->n_records; k++) {
		const struct record *record = &batch->records[k];

		if (is_decided_now(record) &&
		    intake_of(record)->kind != INTAKE_NOTHING)
			pg_put_uuid(pg_call_put(call, 0),
				    intake_of(record)->own.order_id.bytes);
	}
	pg_call_arrays(call, ids, 1);
	i = pg_add(pg, &load_rows, &call->args);
	r = pg_run(pg, TIMEOUT_MS);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++) {
		struct toastie_row *copy =
			arena_alloc(&batch->arena, sizeof(*copy));

		*copy = sql_row(pg, i, row, &batch->arena);
		intake_rows_add(rows, copy);
	}
	return r;
}

static void store_rows(struct sql *sql, struct pg *pg,
		       const struct batch *batch)
{
	struct pg_call *call = &sql->calls[0];

	pg_call_begin(call);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];
		const struct intake *intake = intake_of(record);

		/* A row that several picks changed is written once, as the
		 * last of them left it. */
		if (is_decided_now(record) && intake->changed &&
		    intake->row->changed_by == i + 1)
			put_row(call, intake->row);
	}
	if (!call->arrays[0].n)
		return;
	pg_call_arrays(call, insert_types, N_INSERTED);
	pg_put_wall_ms(pg_arg(&call->args), batch->decided_at_ms);
	(void)pg_add(pg, batch->mode == BATCH_FAST ? &insert_rows : &write_rows,
		     &call->args);
}

static void store_marks(struct sql *sql, struct pg *pg,
			const struct batch *batch)
{
	struct pg_call *call = &sql->calls[1];

	pg_call_begin(call);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];

		if (is_decided_now(record) && intake_of(record)->marked)
			pg_put_uuid(pg_call_put(call, 0),
				    intake_of(record)->row->order_id.bytes);
	}
	if (!call->arrays[0].n)
		return;
	pg_call_arrays(call, ids, 1);
	(void)pg_add(pg, &mark_cancelled, &call->args);
}

void sql_store(void *arg, struct pg *pg, const struct batch *batch, bool copied)
{
	struct sql *sql = &jafflr_of(arg)->sql;

	(void)copied;
	store_rows(sql, pg, batch);
	store_marks(sql, pg, batch);
}

/* ---- survey ---- */

/* Each part walks an index of what is open, however long the table is; and a
 * queue is counted up to 100,000. -> stall or NULL, state, n */
static const struct pg_statement survey_toasties = {
	"survey_toasties",
	WITH_QUEUED_STALLS
	", c(stall, state, n) AS (SELECT s.stall,"
	" CASE WHEN starts_with(s.stall, '" DEMO_STALL "') OR EXISTS"
	" (SELECT FROM control.grills g WHERE g.enabled"
	" AND (g.stalls IS NULL OR s.stall = ANY (g.stalls)))"
	" THEN 'queued' ELSE 'unserved' END,"
	" (SELECT count(*) FROM (SELECT FROM toasties t"
	" WHERE t.state = 'queued' AND t.stall = s.stall LIMIT 100000) q)"
	" FROM s WHERE s.stall IS NOT NULL"
	" UNION ALL SELECT t.stall, 'grilling', count(*) FROM intents i"
	" JOIN toasties t USING (order_id) WHERE i.closed_at IS NULL"
	" AND t.state = 'grilling' GROUP BY t.stall"
	" UNION ALL SELECT t.stall, CASE WHEN i.order_id IS NULL"
	" THEN 'uncertain' ELSE 'parked' END, count(*) FROM toasties t"
	" LEFT JOIN intents i ON i.order_id = t.order_id"
	" AND i.closed_at IS NULL WHERE t.state = 'uncertain' GROUP BY 1, 2),"
	" r AS (SELECT stall, row_number() OVER (ORDER BY"
	" bool_or(state IN ('uncertain', 'parked')) DESC, sum(n) DESC, stall)"
	" AS place FROM c GROUP BY stall)"
	" SELECT CASE WHEN r.place <= $1 THEN c.stall END, c.state,"
	" sum(c.n)::bigint FROM c JOIN r USING (stall)"
	" GROUP BY 1, 2 ORDER BY 1 NULLS LAST",
	1,
};

int sql_survey(void *arg, struct pg *pg)
{
	struct survey *survey = &jafflr_of(arg)->read;
	struct pg_args args = { 0 };
	int i, r;

	survey_reset(survey);
	pg_put_i64(pg_arg(&args), SURVEY_STALLS);
	i = pg_add(pg, &survey_toasties, &args);
	r = pg_run(pg, TIMEOUT_MS);
	pg_args_deinit(&args);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++)
		survey_add(survey, sql_text(pg, i, row, 0, &survey->arena),
			   sql_text(pg, i, row, 1, &survey->arena),
			   pg_i64(pg, i, row, 2));
	/* There is a number for all others also when there are none. */
	if (!r)
		survey_add(survey, (struct text){ 0 }, TEXT("queued"), 0);
	return r;
}

void sql_deinit(struct sql *sql)
{
	for (int i = 0; i < SQL_CALLS; i++)
		pg_call_deinit(&sql->calls[i]);
}
