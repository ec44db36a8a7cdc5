/* SPDX-License-Identifier: MIT */
/*
 * Grill: the tables of grills and plates, which every jafflr reads.
 *
 * Plates are numbered from 0 on. Fewer plates than before are refused: a
 * plate has a token that must never fall, and may have a toastie on it.
 * The row is locked while it is changed, and its audit commits with it.
 * Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/str.h"
#include "infra/lib/text.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"
#include "infra/overlord/status_rows.h"
#include "schemas/limits.h"

/* -> address, unit, stalls as text or NULL, plates, the row as JSON */
static const struct pg_statement grill_read = {
	.name = "grill_read",
	.sql = "SELECT g.address, g.unit, array_to_string(g.stalls, ','), "
	       "(SELECT count(*) FROM control.plates p "
	       "WHERE p.grill = g.grill), to_jsonb(g) "
	       "FROM control.grills g WHERE g.grill = $1 FOR UPDATE",
	.n_args = 1,
};

static const struct pg_statement grill_write = {
	.name = "grill_write",
	.sql = "INSERT INTO control.grills (grill, address, unit, stalls) "
	       "VALUES ($1, $2, $3, string_to_array($4, ',')) "
	       "ON CONFLICT (grill) DO UPDATE SET address = excluded.address, "
	       "unit = excluded.unit, stalls = excluded.stalls",
	.n_args = 4,
};

static const struct pg_statement plates_add = {
	.name = "plates_add",
	.sql = "INSERT INTO control.plates (grill, plate) "
	       "SELECT $1, n FROM generate_series(0, $2::int - 1) AS n "
	       "ON CONFLICT DO NOTHING",
	.n_args = 2,
};

/* -> a row a grill */
static const struct pg_statement grill_all = {
	.name = "grill_all",
	.sql = "SELECT g.grill, g.address, g.unit, "
	       "coalesce(array_to_string(g.stalls, ','), 'all'), g.enabled, "
	       "CASE WHEN NOT g.enabled THEN NULL "
	       "WHEN g.silent_since IS NOT NULL THEN 'no' "
	       "WHEN g.seen_at > now() - " STATUS_SEEN " THEN 'yes' END, "
	       "g.seen_at, g.silent_reason, "
	       "count(p.plate), "
	       "count(p.plate) FILTER (WHERE p.out_since IS NOT NULL), "
	       "string_agg(p.plate || ': ' || p.out_reason, ', ' "
	       "ORDER BY p.plate) FILTER (WHERE p.out_since IS NOT NULL) "
	       "FROM control.grills g LEFT JOIN control.plates p USING (grill) "
	       "GROUP BY g.grill ORDER BY g.grill",
	.n_args = 0,
};

int cmd_grill_list(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("grills", command->options.json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	int i, r;

	out_column(out, "grill", OUT_TEXT);
	out_column(out, "address", OUT_TEXT);
	out_column(out, "unit", OUT_NUMBER);
	out_column(out, "stalls", OUT_TEXT);
	out_column(out, "enabled", OUT_BOOL);
	out_column(out, "reachable", OUT_TEXT);
	out_column(out, "last_seen", OUT_TIME);
	out_column(out, "silent_because", OUT_TEXT);
	out_column(out, "plates", OUT_NUMBER);
	out_column(out, "plates_out", OUT_NUMBER);
	out_column(out, "out_because", OUT_TEXT);
	r = command_connect(&pg, command);
	if (r)
		return r;
	i = pg_add(pg, &grill_all, NULL);
	r = command_run(command, pg, "grills");
	if (r)
		return r;
	out_rows(out, pg, i);
	if (!pg_n_rows(pg, i))
		out_say("there are no grills");
	return out_print(out);
}

/* ---- set ---- */

struct run {
	const struct command *command;
	struct pg *pg;
	const char *name;
	const char *stalls; /* with commas; NULL: all */
	int64_t unit;
	int64_t n_plates_now;
	struct buf now, then; /* for people */
	struct buf before;    /* JSON; empty: none */
	bool same;
};

static void run_deinit(struct run *run)
{
	run->pg = pg_free(run->pg);
	buf_deinit(&run->now);
	buf_deinit(&run->then);
	buf_deinit(&run->before);
}

static void describe(struct buf *ret, const char *address, int64_t unit,
		     int64_t n_plates, const char *stalls)
{
	buf_printf(ret, "%s unit %" PRId64 ", %" PRId64 " plates, stalls %s",
		   address, unit, n_plates, stalls ? stalls : "all");
	buf_add(ret, "", 1);
}

static void copy_cell(struct buf *ret, const struct pg *pg, int i, int column)
{
	size_t n;
	const char *p = pg_bytes(pg, i, 0, column, &n);

	buf_add(ret, p, n);
	buf_add(ret, "", 1);
}

static void read_row(struct run *run, int i)
{
	const struct pg *pg = run->pg;
	struct buf address = { 0 }, stalls = { 0 };

	copy_cell(&address, pg, i, 0);
	copy_cell(&stalls, pg, i, 2);
	copy_cell(&run->before, pg, i, 4);
	run->n_plates_now = pg_i64(pg, i, 0, 3);
	describe(&run->now, address.p, pg_i64(pg, i, 0, 1), run->n_plates_now,
		 pg_null(pg, i, 0, 2) ? NULL : stalls.p);
	buf_deinit(&address);
	buf_deinit(&stalls);
}

/* Begins the transaction, locks the row and says how it is. */
static int look(struct run *run)
{
	const struct options *options = &run->command->options;
	struct pg_args args = { 0 };
	int i, r;

	pg_put_text(pg_arg(&args), run->name, strlen(run->name));
	(void)pg_add(run->pg, &pg_begin, NULL);
	i = pg_add(run->pg, &grill_read, &args);
	r = command_run(run->command, run->pg, run->name);
	pg_args_deinit(&args);
	if (r)
		return r;
	if (pg_n_rows(run->pg, i) > 0)
		read_row(run, i);
	else
		buf_add(&run->now, "missing", sizeof("missing"));
	if (options->plates < run->n_plates_now) {
		out_error("grill '%s' has %" PRId64 " plates and would have "
			  "%" PRId64 ": plates are never taken away",
			  run->name, run->n_plates_now, options->plates);
		return COMMAND_E_FAILED;
	}
	describe(&run->then, options->address, run->unit, options->plates,
		 run->stalls);
	run->same = !strcmp(run->now.p, run->then.p);
	return 0;
}

static void put_optional(struct pg_args *args, const char *text)
{
	if (text)
		pg_put_text(pg_arg(args), text, strlen(text));
	else
		pg_put_null(pg_arg(args));
}

static int write_grill(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	const struct options *options = &run->command->options;
	struct pg_args grill = { 0 }, plates = { 0 };
	struct buf what = { 0 }, after = { 0 };
	struct audit audit = { 0 };
	int r;

	(void)step;
	put_optional(&grill, run->name);
	put_optional(&grill, options->address);
	pg_put_i32(pg_arg(&grill), (int32_t)run->unit);
	put_optional(&grill, run->stalls);
	(void)pg_add(run->pg, &grill_write, &grill);
	put_optional(&plates, run->name);
	pg_put_i32(pg_arg(&plates), (int32_t)options->plates);
	(void)pg_add(run->pg, &plates_add, &plates);
	plan_json_pair(&what, "grill", run->name);
	plan_json_text(&after, run->then.p);
	audit.what = what.p;
	audit.before = run->before.n ? run->before.p : NULL;
	audit.after = after.p;
	plan_audit(run->pg, run->command, &audit);
	(void)pg_add(run->pg, &pg_commit, NULL);
	r = command_run(run->command, run->pg, run->name);
	audit_deinit(&audit);
	pg_args_deinit(&grill);
	pg_args_deinit(&plates);
	buf_deinit(&what);
	buf_deinit(&after);
	*ret = plan_result_of(run->pg, r);
	return r;
}

/* One that reads as one: no space in it. */
static bool right_name(const char *p, size_t n)
{
	return n <= TEXT_MAX_CHARS && !memchr(p, ' ', n) &&
	       command_right_text((struct text){ p, n }, TEXT_MAX_CHARS);
}

static bool right_stalls(const char *stalls)
{
	for (const char *p = stalls;; p++) {
		size_t n = strcspn(p, ",");

		if (!right_name(p, n))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

static bool right_address(const char *address)
{
	const char *colon = strrchr(address, ':');
	int64_t port;

	return colon && right_name(address, (size_t)(colon - address)) &&
	       !str_to_i64(&port, colon + 1, 1, 65535);
}

static int check_arguments(const struct command *command)
{
	const struct options *options = &command->options;
	const char *name = options->words[0];

	if (!options->address || options->plates < 0)
		return command_usage(command, "set wants --address and "
					      "--plates");
	if (!right_name(name, strlen(name)))
		return command_usage(command,
				     "grill '%s' is no name: 1 to %d bytes "
				     "without spaces",
				     name, TEXT_MAX_CHARS);
	if (options->unit > 247 && options->unit < 255)
		return command_usage(command,
				     "unit %" PRId64 " can be no grill's: "
				     "Modbus reserves 248 to 254",
				     options->unit);
	if (!right_address(options->address))
		return command_usage(command, "address '%s' is not host:port",
				     options->address);
	if (options->stalls && !right_stalls(options->stalls))
		return command_usage(command,
				     "stalls '%s' are no names with commas "
				     "between",
				     options->stalls);
	return 0;
}

int cmd_grill_set(struct command *command)
{
	const struct options *options = &command->options;
	struct run run = {
		.command = command,
		.name = options->words[0],
		.unit = options->unit < 0 ? 1 : options->unit,
		.stalls = options->stalls,
	};
	struct plan plan = { 0 };
	int r;

	if (run.stalls && !strcmp(run.stalls, "all"))
		run.stalls = NULL;
	r = check_arguments(command);
	if (!r)
		r = command_connect(&run.pg, command);
	if (!r)
		r = look(&run);
	if (!r) {
		plan_add(&plan, run.name, run.now.p,
			 run.same ? NULL : run.then.p);
		r = plan_run(&plan, command, write_grill, &run);
	}
	plan_deinit(&plan);
	run_deinit(&run);
	return r;
}
