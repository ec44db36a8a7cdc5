/* SPDX-License-Identifier: MIT */
/*
 * Sql longest: whatever a contract allows has room in the tables and in every
 * index on them, both ways in; so has what a dead letter says of it.
 */
#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "schemas/fixture.h"
#include "workers/chillybin/sql.h"
#include "workers/runtime/positions.h"

enum { STALL = 1, CUSTOMER, SOURCE, EVENT, STATE, INGREDIENTS };

static const char *url;
static struct pg *pg;
static struct batch *batch;
static struct known known;
static struct shelf shelf;
static struct sql sql;
static struct item items[ORDER_ITEMS_MAX];
static char metadata[METADATA_MAX_BYTES];

static const struct identity identity = {
	.service = "chillybin",
	.topics = { &topic_table[TOPIC_ORDERS] },
	.n_topics = 1,
};

/* The longest text of that number; for ever. */
static struct text longest(int n)
{
	static char rooms[INGREDIENTS + ORDER_ITEMS_MAX][TEXT_MAX_BYTES];

	return fixture_longest(rooms[n], (uint64_t)n);
}

static void setup(void)
{
	url = postgres_database();
	pg = postgres_connect(url, "galore");
	batch = batch_new();
	batch->decided_at_ms = INT64_C(1700000000123);
	for (int i = 0; i < ORDER_ITEMS_MAX; i++)
		items[i] = (struct item){ longest(INGREDIENTS + i), 1 };
	for (size_t i = 0; i < sizeof(metadata); i += TEXT_MAX_BYTES / 4)
		memcpy(metadata + i, longest(STATE).p,
		       sizeof(metadata) - i < TEXT_MAX_BYTES / 4
			       ? sizeof(metadata) - i
			       : TEXT_MAX_BYTES / 4);
}

static void teardown(void)
{
	pg = pg_free(pg);
	batch = batch_free(batch);
	known_deinit(&known);
	shelf_deinit(&shelf);
	sql_deinit(&sql);
}

static struct record *add_record(enum event_type type)
{
	struct kafka_record kafka = { .partition = TOPIC_PARTITIONS - 1,
				      .offset = INT64_MAX / TOPIC_PARTITIONS -
						100 +
						(int64_t)batch->n_records };
	struct record *record = batch_add(batch, NULL, &kafka);

	envelope_init(&record->envelope);
	record->envelope.type = type;
	record->envelope.id = longest(EVENT);
	record->envelope.source = longest(SOURCE);
	record->envelope.traceparent =
		TEXT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	record->envelope.tracestate = (struct text){ longest(STATE).p, 512 };
	return record;
}

static struct command *add(enum command_kind kind, enum event_type type)
{
	struct record *record = add_record(type);
	struct command *command = arena_alloc(&batch->arena, sizeof(*command));

	*command = (struct command){ .kind = kind,
				     .source = longest(SOURCE),
				     .event_id = longest(EVENT),
				     .order_id = { { 1 } },
				     .position = longest(EVENT) };
	record->item = command;
	return command;
}

static void add_order(uint8_t n, int32_t quantity)
{
	struct command *command = add(COMMAND_ORDER, EVENT_ORDER_PLACED);
	const struct envelope *envelope =
		&batch->records[batch->n_records - 1].envelope;

	command->placed.version = 2;
	command->placed.metadata = (struct text){ metadata, sizeof(metadata) };
	command->own = (struct order_row){
		.id = { { n } },
		.content_hash = UINT64_MAX,
		.number = INT64_MAX - n,
		.stall = longest(STALL),
		.customer = longest(CUSTOMER),
		.items = items,
		.n_items = ORDER_ITEMS_MAX,
		.doneness = DONENESS_BURNT,
		.grill = true,
		.pick_version = 2,
		.partition = TOPIC_PARTITIONS - 1,
		.offset = INT64_MAX,
		.traceparent = envelope->traceparent,
		.tracestate = envelope->tracestate,
	};
	items[0].quantity = quantity;
}

static void add_restock(int ingredient)
{
	struct command *command = add(COMMAND_STOCK, EVENT_STOCK_ADDED);

	command->stock = (struct stock_command){
		.stall = longest(STALL),
		.ingredient = longest(INGREDIENTS + ingredient),
		.quantity = 1,
	};
	/* The event's source and the stall's name tell them apart. */
	command->event_id = longest(INGREDIENTS + ingredient);
}

static void add_dead(void)
{
	struct record *record = add_record(EVENT_ORDER_PLACED);
	struct schema_fault fault;

	memset(fault.what, 'x', sizeof(fault.what) - 1);
	fault.what[sizeof(fault.what) - 1] = '\0';
	record->kafka.key = metadata;
	record->kafka.n_key = sizeof(metadata);
	record->poison = true;
	batch_dead(batch, record, "unknown-version", fault.what);
}

static void load_and_decide(void)
{
	int r;

	batch->mode = BATCH_CHECKED;
	r = sql_load(&sql, pg, batch, &known, &shelf);
	ck_assert_msg(!r, "%s", pg_message(pg));
	decide(batch, &known, &shelf);
}

static void commit(bool copied)
{
	struct pg_call dead = { 0 };
	int r;

	if (!copied)
		(void)pg_add(pg, &pg_begin, NULL);
	sql_store(&sql, pg, batch, &shelf, copied);
	positions_add_dead(pg, &identity, batch, &dead);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, POSTGRES_TIMEOUT_MS);
	ck_assert_msg(!r, "%s: %s", pg_sqlstate(pg), pg_message(pg));
	pg_call_deinit(&dead);
}

static size_t n_new(void)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n_records; i++)
		n += !batch->records[i].dead_reason &&
		     command_of(&batch->records[i])->is_new;
	return n;
}

START_TEST(the_longest_that_a_contract_allows_fits_every_table)
	{
		for (int i = 0; i < ORDER_ITEMS_MAX; i++)
			add_restock(i);
		add_order(1, 1);
		add_order(2, 1);
		add(COMMAND_CANCEL, EVENT_ORDER_CANCELLED);
		add(COMMAND_RETURN, EVENT_TOASTIE);
		add_dead();
		load_and_decide();
		ck_assert_uint_eq(n_new(), ORDER_ITEMS_MAX + 4);
		ck_assert_int_eq(command_of(&batch->records[ORDER_ITEMS_MAX])
					 ->row->verdict,
				 VERDICT_PICKED);
		ck_assert_uint_eq(
			command_of(&batch->records[ORDER_ITEMS_MAX + 1])
				->row->n_missing,
			ORDER_ITEMS_MAX);
		commit(false);
		ck_assert_int_eq(postgres_number(url, "SELECT count(*) FROM"
						      " stock_changes"),
				 2 * ORDER_ITEMS_MAX);
		ck_assert_int_eq(postgres_number(url, "SELECT count(*) FROM"
						      " dead_letters"),
				 1);
		load_and_decide();
		ck_assert_uint_eq(n_new(), 0);
		for (size_t i = 0; i + 1 < batch->n_records; i++)
			ck_assert_ptr_null(batch->records[i].dead_reason);
	}
END_TEST

START_TEST(the_longest_order_fits_by_copy_too)
	{
		add_order(1, 1);
		batch->mode = BATCH_FAST;
		decide(batch, &known, &shelf);
		ck_assert_int_eq(
			pg_copy_begin(pg, sql_copy_text, POSTGRES_TIMEOUT_MS),
			0);
		ck_assert_int_eq(sql_copy(&sql, pg, batch), 0);
		ck_assert_int_eq(pg_copy_end(pg, POSTGRES_TIMEOUT_MS), 0);
		shelf_reset(&shelf); /* there is no stock of it */
		commit(true);
		load_and_decide();
		ck_assert_uint_eq(n_new(), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sql_longest");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       the_longest_that_a_contract_allows_fits_every_table);
	tcase_add_test(tcase, the_longest_order_fits_by_copy_too);
	return postgres_run(suite);
}
