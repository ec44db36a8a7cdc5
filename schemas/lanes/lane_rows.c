/* SPDX-License-Identifier: MIT */
/* Lane rows: the history of lanes that still counts. Any thread. */
#include "schemas/lanes/lane_rows.h"

#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

/*
 * Lanes that live, and those that ended since only `stable` lived last: what
 * was before has no effect any more. In the order in which they were made.
 */
const struct pg_statement lane_rows = {
	"read_lanes",
	"WITH mine AS (SELECT * FROM control.lanes WHERE service = $1),"
	" quiet AS (SELECT max(e.ended) AS at FROM mine e WHERE NOT EXISTS"
	" (SELECT 1 FROM mine l WHERE l.parent IS NOT NULL"
	" AND l.made < e.ended AND (l.ended IS NULL OR l.ended > e.ended))),"
	" kept AS (SELECT m.* FROM mine m, quiet"
	" WHERE m.parent IS NULL OR quiet.at IS NULL OR m.made > quiet.at)"
	" SELECT lane, parent, kind, bucket_from, bucket_to, names,"
	" ended_at IS NOT NULL, colour = $2 AND ended_at IS NULL,"
	" (SELECT count(*) FROM kept k WHERE k.made < t.ended)"
	" FROM kept t ORDER BY parent IS NOT NULL, made",
	2,
};

static struct text text_at(const struct pg *pg, int i, int row, int column)
{
	struct text text;

	text.p = pg_bytes(pg, i, row, column, &text.n);
	return text;
}

static enum lane_kind kind_of(struct text name)
{
	if (text_equal(name, TEXT("buckets")))
		return LANE_BUCKETS_RANGE;
	if (text_equal(name, TEXT("stalls")))
		return LANE_STALLS;
	if (text_equal(name, TEXT("customers")))
		return LANE_CUSTOMERS;
	return LANE_REST;
}

static void read_names(struct lane *lane, struct pg_elements elements)
{
	const char *p;
	size_t n;

	while (pg_next_element(&elements, &p, &n)) {
		lane->names = xreallocarray(lane->names, lane->n_names + 1,
					    sizeof(*lane->names));
		lane->names[lane->n_names] = xmalloc(n + 1);
		(void)str_n_copy(lane->names[lane->n_names++], n + 1, p, n);
	}
}

/* A parent that is not there would be a lane made after it had ended. */
static int parent_of(const struct lanes *lanes, struct text name)
{
	int parent = lanes_by_name(lanes, name);

	return parent < 0 ? 0 : parent;
}

static void read_lane(const struct pg *pg, int i, int row, struct lanes *lanes)
{
	struct lane *lane = &lanes->lanes[lanes->n_lanes];
	struct text name = text_at(pg, i, row, 0);

	*lane = (struct lane){ 0 };
	(void)str_n_copy(lane->name, sizeof(lane->name), name.p, name.n);
	if (!pg_null(pg, i, row, 1))
		lane->parent = parent_of(lanes, text_at(pg, i, row, 1));
	lane->kind = kind_of(text_at(pg, i, row, 2));
	if (lane->kind == LANE_BUCKETS_RANGE) {
		lane->bucket_from = (int32_t)pg_i64(pg, i, row, 3);
		lane->bucket_to = (int32_t)pg_i64(pg, i, row, 4);
	}
	if (!pg_null(pg, i, row, 5))
		read_names(lane, pg_elements(pg, i, row, 5));
	lane->ended = pg_bool(pg, i, row, 6);
	lane->mine = pg_bool(pg, i, row, 7);
	lane->until = (size_t)pg_i64(pg, i, row, 8);
	lanes->n_lanes++;
}

int lane_rows_read(const struct pg *pg, int i, struct lanes *ret)
{
	if (pg_n_rows(pg, i) > LANES_MAX)
		return LANE_ROWS_E_TOO_MANY;
	lanes_deinit(ret);
	for (int row = 0; row < pg_n_rows(pg, i); row++)
		read_lane(pg, i, row, ret);
	return 0;
}
