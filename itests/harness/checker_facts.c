/* SPDX-License-Identifier: MIT */
/*
 * Checker facts: what was published against what was decided; see checker.h.
 *
 * A fact may stand on its topic several times: copies have one identity, and
 * are equal in everything but who sent them.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/hash.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/checker_state.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/stock_changed.h"
#include "schemas/messages/toastie.h"

/* ---- copies ---- */

struct known {
	const struct bus_record *first;
	struct text id;
};

/* The facts of a topic by identity, as they are gone through. */
struct facts {
	struct table table;
	struct known *all;
	size_t n;
};

static void facts_init(struct facts *facts, const struct bus_log *log)
{
	*facts = (struct facts){ .all = xcalloc(log->n, sizeof(*facts->all)) };
}

static void facts_deinit(struct facts *facts)
{
	table_deinit(&facts->table);
	free(facts->all);
}

static bool has_id(const void *key, const void *value)
{
	const struct text *id = key;

	return text_equal(*id, ((const struct known *)value)->id);
}

static bool equal_but_producer(const struct bus_record *a,
			       const struct bus_record *b)
{
	if (!text_equal(a->key, b->key) || !text_equal(a->value, b->value) ||
	    a->n_headers != b->n_headers)
		return false;
	for (size_t i = 0; i < a->n_headers; i++)
		if (strcmp(a->headers[i].name, b->headers[i].name) != 0 ||
		    (strcmp(a->headers[i].name, "producer") != 0 &&
		     !text_equal(a->headers[i].value, b->headers[i].value)))
			return false;
	return true;
}

/* True when it is the first of its identity. */
static bool is_first(struct check *check, struct facts *facts,
		     const struct bus_record *record)
{
	struct text id = bus_header(record, "ce_id");
	uint64_t hash = hash_bytes(id.p, id.n);
	const struct known *known =
		table_find(&facts->table, hash, has_id, &id);
	struct known *added;

	if (known) {
		check->result.n_fact_copies++;
		if (!equal_but_producer(known->first, record))
			check_fault(check, "copies of the fact %.*s differ",
				    (int)id.n, id.p);
		return false;
	}
	added = &facts->all[facts->n++];
	*added = (struct known){ record, id };
	table_add(&facts->table, hash, added);
	return true;
}

/* 0, or it has been said what is wrong with the headers. */
static int read_envelope(struct check *check, const struct bus_record *record,
			 enum event_type type, struct envelope *ret)
{
	struct schema_fault fault;

	if (!bus_envelope(record, ret, &fault) && ret->type == type)
		return 0;
	check_fault(check, "a fact at %d@%" PRId64 " cannot be read: %s",
		    record->partition, record->offset, fault.what);
	return -1;
}

/* ---- picks ---- */

static void count_pick(struct check *check, struct check_order *row,
		       const struct pick *pick)
{
	bool verdict = pick->verdict == VERDICT_PICKED ||
		       pick->verdict == VERDICT_REFUSED;

	/* Readers ignore what is not above what they have. */
	if (verdict != (pick->seq == 1) || pick->seq < 1 ||
	    pick->version != row->pick_version)
		check_fault(check,
			    "a pick of order %" PRId64 " has seq %" PRId64
			    " and version %d",
			    row->number, pick->seq, pick->version);
	switch (pick->verdict) {
	case VERDICT_PICKED:
	case VERDICT_REFUSED:
		if ((pick->verdict == VERDICT_PICKED) != row->picked)
			check_fault(check,
				    "a pick of order %" PRId64
				    " tells another verdict",
				    row->number);
		if (pick->seq != 1 || pick->version != row->pick_version)
			check_fault(check,
				    "a pick of order %" PRId64
				    " has seq %" PRId64 " and version %d",
				    row->number, pick->seq, pick->version);
		row->n_verdicts++;
		break;
	case VERDICT_CANCELLED:
		if (!row->cancelled)
			check_fault(check,
				    "a pick says that order %" PRId64
				    " is cancelled, its row does not",
				    row->number);
		row->n_cancelled++;
		break;
	case VERDICT_KEPT:
		break;
	case VERDICT_NONE:
	case N_VERDICTS:
		check_fault(check, "a pick of order %" PRId64 " has no verdict",
			    row->number);
	}
}

static void check_pick(struct check *check, struct pick_storage *room,
		       const struct bus_record *record)
{
	struct schema_fault fault;
	struct envelope envelope;
	struct check_order *row;
	struct pick pick;

	if (read_envelope(check, record, EVENT_PICK, &envelope))
		return;
	if (pick_decode(&pick, room, &envelope, record->value.p,
			record->value.n, &fault)) {
		check_fault(check,
			    "a pick at %d@%" PRId64 " cannot be read: %s",
			    record->partition, record->offset, fault.what);
		return;
	}
	row = check_find(check, &pick.order_id);
	if (row)
		count_pick(check, row, &pick);
	else
		check_fault(check,
			    "a pick at %d@%" PRId64
			    " of an order that has no row",
			    record->partition, record->offset);
}

void check_picks(struct check *check)
{
	struct pick_storage *room = xcalloc(1, sizeof(*room));
	const struct check_order *row;
	struct facts facts;

	facts_init(&facts, &check->picks);
	for (size_t i = 0; i < check->picks.n; i++)
		if (is_first(check, &facts, &check->picks.records[i]))
			check_pick(check, room, &check->picks.records[i]);
	for (size_t i = 0; i < check->n_rows; i++) {
		int64_t n_facts;

		row = &check->rows[i];
		n_facts = row->pick_version == 1 ? row->n_items : 1;
		if ((int64_t)row->n_verdicts != n_facts)
			check_fault(check,
				    "order %" PRId64 " has %zu facts "
				    "of its verdict and not %" PRId64,
				    row->number, row->n_verdicts, n_facts);
		if ((int64_t)row->n_cancelled != (row->cancelled ? n_facts : 0))
			check_fault(check,
				    "order %" PRId64 " has %zu facts "
				    "of its cancellation",
				    row->number, row->n_cancelled);
	}
	facts_deinit(&facts);
	free(room);
}

/* ---- toasties ---- */

static void check_toastie(struct check *check, const struct bus_record *record)
{
	struct schema_fault fault;
	struct envelope envelope;
	struct check_order *row;
	struct toastie toastie;

	if (read_envelope(check, record, EVENT_TOASTIE, &envelope))
		return;
	if (toastie_decode(&toastie, &envelope, record->value.p,
			   record->value.n, &fault)) {
		check_fault(check,
			    "a toastie at %d@%" PRId64 " cannot be read: %s",
			    record->partition, record->offset, fault.what);
		return;
	}
	row = check_find(check, &toastie.order_id);
	if (!row || !row->picked || !row->grill) {
		check_fault(check,
			    "a toastie at %d@%" PRId64
			    " of an order that was not picked for the grill",
			    record->partition, record->offset);
		return;
	}
	/* The first of a fact comes after all that are older. */
	if (toastie.seq <= row->last_toastie_seq)
		check_fault(check,
			    "a toastie of order %" PRId64 " tells seq %" PRId64
			    " after %" PRId64,
			    row->number, toastie.seq, row->last_toastie_seq);
	row->last_toastie_seq = toastie.seq;
	(void)str_copy(row->last_state, sizeof(row->last_state),
		       toastie_state_name(toastie.state));
}

/* An order that was cancelled in time may come back without a toastie. */
static void check_toastie_row(struct check *check,
			      const struct check_order *row)
{
	bool back = row->returned || row->cancelled;

	if (!row->picked || !row->grill) {
		if (*row->state)
			check_fault(check, "order %" PRId64 " has a toastie",
				    row->number);
		return;
	}
	check->result.n_toasties++;
	if (!strcmp(row->state, "done"))
		check->result.n_done++;
	if (!*row->state)
		check_fault(check, "order %" PRId64 " has no toastie",
			    row->number);
	if (strcmp(row->state, row->last_state) != 0 ||
	    row->toastie_seq != row->last_toastie_seq ||
	    row->published_seq != row->toastie_seq)
		check_fault(check,
			    "the toastie of order %" PRId64
			    " is '%s' (seq %" PRId64 "), its last fact says "
			    "'%s' (seq %" PRId64 ")",
			    row->number, row->state, row->toastie_seq,
			    row->last_state, row->last_toastie_seq);
	if (!strcmp(row->state, "returned") != row->returned)
		check_fault(check,
			    "the toastie of order %" PRId64
			    " is '%s', its order is%s returned",
			    row->number, row->state,
			    row->returned ? "" : " not");
	if (check->params->all_done && !back && strcmp(row->state, "done"))
		check_fault(check,
			    "the toastie of order %" PRId64
			    " is '%s' and not done",
			    row->number, row->state);
}

void check_toasties(struct check *check)
{
	struct facts facts;

	facts_init(&facts, &check->toasties);
	for (size_t i = 0; i < check->toasties.n; i++)
		if (is_first(check, &facts, &check->toasties.records[i]))
			check_toastie(check, &check->toasties.records[i]);
	for (size_t i = 0; i < check->n_rows; i++)
		check_toastie_row(check, &check->rows[i]);
	facts_deinit(&facts);
}

/* ---- the grills' own logs ---- */

static void count_edges(struct check *check, const struct grill_spy *grill)
{
	struct edges edges = grill_edges(grill);

	for (size_t i = 0; i < edges.n; i++) {
		const struct edge *edge = &edges.all[i];
		struct check_order *row;

		if (edge->kind == EDGE_RESET)
			continue;
		row = check_find(check, &edge->job);
		if (!row || !row->picked || !row->grill) {
			check_fault(check,
				    "plate %" PRId64 " grilled what "
				    "nobody has picked",
				    edge->plate);
			continue;
		}
		row->n_starts += edge->kind == EDGE_START;
		row->n_dones += edge->kind == EDGE_DONE;
		check->result.n_starts += edge->kind == EDGE_START;
	}
	edges_deinit(&edges);
}

void check_starts(struct check *check)
{
	bool any = false;

	for (size_t i = 0; i < CHECK_GRILLS_MAX && check->params->grills[i];
	     i++) {
		count_edges(check, check->params->grills[i]);
		any = true;
	}
	if (!any)
		return;
	for (size_t i = 0; i < check->n_rows; i++) {
		const struct check_order *row = &check->rows[i];
		bool done = !strcmp(row->state, "done");

		if (row->n_starts > 1)
			check_fault(check,
				    "order %" PRId64 " was started %zu times",
				    row->number, row->n_starts);
		if (done && (row->n_starts != 1 || row->n_dones != 1))
			check_fault(check,
				    "order %" PRId64 " is done, with "
				    "%zu starts and %zu ends",
				    row->number, row->n_starts, row->n_dones);
		if (!strcmp(row->state, "returned") && row->n_starts)
			check_fault(check,
				    "order %" PRId64
				    " was grilled and given back",
				    row->number);
	}
}

/* ---- ledger ---- */

/* VALUES of stall, ingredient, kind, delta: one a fact. */
static size_t put_changes(struct check *check, struct buf *values)
{
	struct facts facts;
	size_t n = 0;

	facts_init(&facts, &check->ledger);
	for (size_t i = 0; i < check->ledger.n; i++) {
		const struct bus_record *record = &check->ledger.records[i];
		struct stock_changed changed;
		struct schema_fault fault;
		struct envelope envelope;

		if (!is_first(check, &facts, record) ||
		    read_envelope(check, record, EVENT_STOCK_CHANGED,
				  &envelope))
			continue;
		if (stock_changed_decode(&changed, &envelope, record->value.p,
					 record->value.n, &fault)) {
			check_fault(
				check,
				"a change at %d@%" PRId64 " cannot be read: %s",
				record->partition, record->offset, fault.what);
			continue;
		}
		buf_printf(
			values, "%s('%.*s', '%.*s', '%s', %" PRId64 "::int8)",
			n++ ? ", " : "", (int)changed.stall.n, changed.stall.p,
			(int)changed.ingredient.n, changed.ingredient.p,
			stock_change_name(changed.kind), changed.delta);
	}
	facts_deinit(&facts);
	return n;
}

void check_ledger(struct check *check)
{
	struct db *db = check->world->db;
	struct buf values = { 0 };
	int64_t n_rows = db_i64(db, "SELECT count(*) FROM stock_changes");
	size_t n;

	n = put_changes(check, &values);
	buf_add(&values, "", 1);
	if ((int64_t)n != n_rows)
		check_fault(check,
			    "%zu facts of the ledger, %" PRId64
			    " rows of stock changes",
			    n, n_rows);
	if (n && db_i64(db,
			"SELECT count(*) FROM (SELECT * FROM (VALUES %s) "
			"AS f EXCEPT ALL SELECT stall, ingredient, kind, "
			"delta FROM stock_changes) x",
			values.p))
		check_fault(check, "the ledger and stock_changes differ");
	buf_deinit(&values);
}
