/* SPDX-License-Identifier: MIT */
/*
 * Lanes: which colour works what, and who switched it when. Reads only. Main
 * thread.
 */
#include <stdio.h>
#include <string.h>

#include "infra/overlord/lanes/canary.h"
#include "infra/overlord/lanes/logs.h"
#include "infra/overlord/verb.h"
#include "schemas/lanes/lane_rows.h"

/* ---- lanes ---- */

struct run {
	struct verb *verb;
	struct buf logs;
	struct out *out;
};

static void put_text(struct out *out, struct buf *buf)
{
	buf_add(buf, "", 1);
	out_cell(out, "%s", buf->p);
	buf_deinit(buf);
}

static void put_lane(const struct run *run, const char *service,
		     const struct lane *lane, int32_t share)
{
	struct buf rule = { 0 }, percent = { 0 };

	out_row(run->out);
	out_cell(run->out, "%s", service);
	lane_rule(&rule, lane);
	if (lane->kind == LANE_REST || lane->kind == LANE_BUCKETS_RANGE)
		buf_percent(&percent, share);
	out_cell(run->out, "%s", lane->name);
	put_text(run->out, &rule);
	put_text(run->out, &percent);
}

static void put_number(struct out *out, const struct pg *pg, int i, int row,
		       int column)
{
	if (pg_null(pg, i, row, column))
		out_cell_none(out);
	else
		out_cell(out, "%lld", (long long)pg_i64(pg, i, row, column));
}

static int put_service(struct run *run, const char *service)
{
	struct verb *verb = run->verb;
	struct lanes lanes = { 0 };
	int32_t shares[LANES_MAX];
	int rules = verb_add(verb, &lane_rows,
			     VALUES(value_text(service), value_text("")));
	int rows =
		verb_add(verb, &sql_lanes_list,
			 VALUES(value_text(service), value_text(verb->schema),
				value_text(run->logs.p)));
	int r = verb_send(verb, service);

	if (r)
		return r;
	if (lane_rows_read(verb->pg, rules, &lanes))
		return verb_failed(NULL, "%s has more than %d lanes", service,
				   LANES_MAX);
	lane_shares(&lanes, shares);
	for (int row = 0; row < pg_n_rows(verb->pg, rows); row++) {
		const char *name = verb_cell(verb, rows, row, 0);
		int lane = lanes_by_name(&lanes, text_of(name));

		put_lane(run, service, &lanes.lanes[lane], shares[lane]);
		out_cell(run->out, "%s", verb_cell(verb, rows, row, 1));
		out_cell(run->out, "%s", verb_cell(verb, rows, row, 2));
		out_cell_wall_ms(run->out, pg_wall_ms(verb->pg, rows, row, 3));
		put_number(run->out, verb->pg, rows, row, 4);
		put_number(run->out, verb->pg, rows, row, 5);
		out_cell(run->out, "%s", verb_cell(verb, rows, row, 6));
	}
	lanes_deinit(&lanes);
	return 0;
}

enum { SERVICES_MAX = 16, SERVICE_BYTES = 64 };

/* What the first statement sees, all after it see. */
static int put_services(struct run *run)
{
	struct verb *verb = run->verb;
	char services[SERVICES_MAX][SERVICE_BYTES];
	const char *one = verb->options.service;
	int n, i,
		r = verb_exec(verb,
			      "BEGIN ISOLATION LEVEL REPEATABLE READ, READ "
			      "ONLY",
			      "lanes");

	if (r)
		return r;
	i = verb_add(verb, &sql_lanes_services, VALUES(value_text(one)));
	r = verb_send(verb, "lanes");
	if (r)
		return r;
	n = pg_n_rows(verb->pg, i);
	if (!n && one)
		return verb_failed("overlord lanes lists the services",
				   "there is no service '%s'", one);
	for (int row = 0; row < n && row < SERVICES_MAX; row++)
		(void)str_copy(services[row], SERVICE_BYTES,
			       verb_cell(verb, i, row, 0));
	for (int row = 0; !r && row < n && row < SERVICES_MAX; row++)
		r = put_service(run, services[row]);
	return r;
}

int cmd_lanes(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "service", OUT_TEXT },
		{ "lane", OUT_TEXT },
		{ "rule", OUT_TEXT },
		{ "share", OUT_TEXT },
		{ "colour", OUT_TEXT },
		{ "parent", OUT_TEXT },
		{ "since", OUT_TIME },
		{ "behind", OUT_NUMBER },
		{ "waiting", OUT_NUMBER },
		{ "holders", OUT_TEXT },
		{ NULL, 0 },
	};
	CLEANUP(out_freep)
	struct out *out = out_new("lanes", verb->options.json, columns);
	struct run run = { .verb = verb, .out = out };
	int r = verb_connect(verb);

	if (!r)
		r = logs_read(verb, &run.logs);
	if (!r)
		r = put_services(&run);
	if (!r)
		r = out_print(out);
	buf_deinit(&run.logs);
	return r;
}

/* ---- history ---- */

int cmd_history(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "at", OUT_TIME },
		{ "who", OUT_TEXT },
		{ "verb", OUT_TEXT },
		{ "service", OUT_TEXT },
		{ "changed", OUT_TEXT },
		{ "pause_ms", OUT_NUMBER },
		{ "decided", OUT_TEXT },
		{ "ended", OUT_TEXT },
		{ NULL, 0 },
	};
	const struct options *options = &verb->options;

	return verb_list(verb,
			 &(struct listing){ .name = "history",
					    .statement = &sql_history,
					    .columns = columns,
					    .none = "nobody has switched",
					    .which = "newest",
					    .limit = options->limit },
			 VALUES(value_text(options->service),
				value_i64(options->limit)));
}
