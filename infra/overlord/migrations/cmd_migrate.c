/* SPDX-License-Identifier: MIT */
/*
 * Migrate: the database's tables, up and down.
 *
 * There are two sets of files: those in `control` stand in the schema control
 * and are run first, the others in the services' schema. What needs doing is
 * found without a lock; what is done is found anew under the lock. A second
 * `up` finds nothing, and takes no lock. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "infra/overlord/migrations/migrations.h"
#include "infra/overlord/plan/plan.h"

enum { MIGRATORS_MAX = 2 };

struct run {
	struct verb *verb;
	struct migrator migrators[MIGRATORS_MAX];
	size_t n_migrators;
	struct plan plan;
	struct migrator_step *steps; /* one for each of the plan's */
};

static void forget_plan(struct run *run)
{
	for (size_t i = 0; i < run->plan.n_steps; i++)
		migrator_step_deinit(&run->steps[i]);
	plan_deinit(&run->plan);
	free(run->steps);
	run->steps = NULL;
}

static void run_deinit(struct run *run)
{
	forget_plan(run);
	for (size_t i = 0; i < run->n_migrators; i++)
		migrator_deinit(&run->migrators[i]);
}

static int run_init(struct run *run, struct verb *verb)
{
	const struct {
		const char *name, *folder, *schema;
	} all[MIGRATORS_MAX] = { { "control", "/control", "control" },
				 { "service", "", verb->schema } };
	const char *set = verb->options.set;
	char dir[MIGRATION_DIR_MAX];
	int r;

	run->verb = verb;
	if (set && strcmp(set, "control") != 0 && strcmp(set, "service") != 0)
		return verb_usage(verb,
				  "set '%s' is neither 'control' nor 'service'",
				  set);
	if (!strcmp(verb->schema, "control"))
		return verb_usage(verb,
				  "schema 'control' is not the services'");
	r = migration_folder(verb, dir);
	if (!r)
		r = verb_connect(verb);
	for (size_t i = 0; !r && i < MIGRATORS_MAX; i++) {
		struct migrator *migrator = &run->migrators[run->n_migrators];

		if (set && strcmp(set, all[i].name) != 0)
			continue;
		run->n_migrators++;
		migrator->verb = verb;
		migrator->name = all[i].name;
		migrator->schema = all[i].schema;
		(void)snprintf(migrator->dir, sizeof(migrator->dir), "%s%s",
			       dir, all[i].folder);
		r = migrator_load(migrator);
		if (!r)
			r = migrator_read(migrator);
	}
	return r;
}

/* ---- status and check ---- */

static const char *state_of(const struct migrator *migrator,
			    const struct migration *row)
{
	if (migrator->dirty && migrator->version == row->version)
		return "dirty";
	if (migrator->version < row->version)
		return "pending";
	if (!*row->applied_by)
		return "applied by another tool";
	return strcmp(row->applied_checksum, row->checksum) ? "changed"
							    : "applied";
}

static void put_row(struct out *out, const struct migrator *migrator,
		    const struct migration *row)
{
	out_row(out);
	out_cell(out, "%s", migrator->name);
	out_cell(out, "%s", migrator->schema);
	out_cell(out, "%" PRId64, row->version);
	out_cell(out, "%s", row->name);
	out_cell(out, "%s", state_of(migrator, row));
	if (*row->applied_by) {
		out_cell_wall_ms(out, row->applied_at_ms);
		out_cell(out, "%s", row->applied_by);
	}
}

static int print_status(const struct run *run)
{
	static const struct out_column columns[] = {
		{ "set", OUT_TEXT },        { "schema", OUT_TEXT },
		{ "version", OUT_NUMBER },  { "name", OUT_TEXT },
		{ "state", OUT_TEXT },      { "applied_at", OUT_TEXT },
		{ "applied_by", OUT_TEXT }, { NULL, 0 },
	};
	CLEANUP(out_freep)
	struct out *out =
		out_new("migrations", run->verb->options.json, columns);

	for (size_t i = 0; i < run->n_migrators; i++) {
		const struct migrator *migrator = &run->migrators[i];

		for (size_t n = 0; n < migrator->n_rows; n++)
			put_row(out, migrator, &migrator->rows[n]);
	}
	return out_print(out);
}

static void say_newer(const struct run *run)
{
	for (size_t i = 0; i < run->n_migrators; i++) {
		const struct migrator *migrator = &run->migrators[i];

		if (migrator->version > (int64_t)migrator->n_rows)
			out_say("schema '%s' is at version %" PRId64 ", newer "
				"than the files in '%s', which end at %zu",
				migrator->schema, migrator->version,
				migrator->dir, migrator->n_rows);
	}
}

int cmd_migrate_status(struct verb *verb)
{
	struct run run = { 0 };
	int r = run_init(&run, verb);

	if (!r)
		r = print_status(&run);
	if (!r)
		say_newer(&run);
	run_deinit(&run);
	return r;
}

static int check_applied(const struct migrator *migrator)
{
	int r = migrator_check(migrator, UP);

	if (r || migrator->version >= (int64_t)migrator->n_rows)
		return r;
	return verb_failed("overlord migrate up --execute",
			   "schema '%s' is at version %" PRId64
			   ", the files in '%s' end at %zu",
			   migrator->schema, migrator->version, migrator->dir,
			   migrator->n_rows);
}

int cmd_migrate_check(struct verb *verb)
{
	struct run run = { 0 };
	int r = run_init(&run, verb), checked = 0;

	if (!r)
		r = print_status(&run);
	for (size_t i = 0; !r && i < run.n_migrators; i++)
		if (check_applied(&run.migrators[i]))
			checked = VERB_E_FAILED;
	if (!r)
		say_newer(&run);
	run_deinit(&run);
	return r ? r : checked;
}

/* ---- up and down ---- */

static void add_step(struct run *run, const struct migrator *migrator,
		     int64_t from, enum direction direction)
{
	int64_t to = direction == DOWN ? from - 1 : from + 1;
	const struct migration *row =
		&migrator->rows[(direction == DOWN ? from : to) - 1];
	char what[MIGRATION_NAME_MAX + 80], now[32], then[32];

	(void)snprintf(what, sizeof(what), "%s: %s", migrator->schema,
		       row->files[direction]);
	(void)snprintf(now, sizeof(now), "version %" PRId64, from);
	(void)snprintf(then, sizeof(then), "version %" PRId64, to);
	plan_add(&run->plan, what, now, then);
	run->steps = xreallocarray(run->steps, run->plan.n_steps,
				   sizeof(*run->steps));
	run->steps[run->plan.n_steps - 1] = (struct migrator_step){
		.migrator = migrator,
		.row = row,
		.direction = direction,
		.within = run->verb->options.dry_run,
		.from = from,
	};
}

/* --to is meant for the services' set, or for --set. */
static int plan_set(struct run *run, const struct migrator *migrator,
		    enum direction direction)
{
	const struct options *options = &run->verb->options;
	int64_t newest = (int64_t)migrator->n_rows, target = newest;
	int64_t version = migrator->version;
	int r = migrator_check(migrator, direction);

	if (r)
		return r;
	if (options->to >= 0 &&
	    (options->set || strcmp(migrator->name, "control") != 0))
		target = options->to;
	if (target > newest)
		return verb_usage(run->verb,
				  "there is no version %" PRId64
				  ", the files in '%s' end at %" PRId64,
				  target, migrator->dir, newest);
	for (; direction == UP && version < target; version++)
		add_step(run, migrator, version, UP);
	for (; direction == DOWN && version > target; version--)
		add_step(run, migrator, version, DOWN);
	return 0;
}

/* The sets that have something to do are locked, and read again: another
 * migrator that had the lock may have done it. */
static int plan_all(struct run *run, enum direction direction, bool lock)
{
	int r = 0;

	forget_plan(run);
	for (size_t i = 0; !r && i < run->n_migrators; i++) {
		struct migrator *migrator = &run->migrators[i];
		size_t n_before = run->plan.n_steps;

		r = plan_set(run, migrator, direction);
		if (!lock || r || run->plan.n_steps == n_before)
			continue;
		r = migrator_lock(migrator);
		if (!r)
			r = migrator_read(migrator);
	}
	return r;
}

static int apply(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;
	struct migrator_step *step = &run->steps[i];
	int r = migrator_apply(step);

	if (!r)
		*ret = step->within ? PLAN_TRIED : PLAN_CONFIRMED;
	else if (step->unknown)
		*ret = PLAN_UNKNOWN;
	if (step->gone.n)
		plan_then(&run->plan, i, ", without the tables ", step->gone.p);
	return r;
}

/* The transaction of a dry run ends with the session. */
static int migrate(struct verb *verb, enum direction direction)
{
	const struct options *options = &verb->options;
	struct run run = { 0 };
	int r = run_init(&run, verb);

	if (!r)
		r = plan_all(&run, direction, false);
	if (!r && run.plan.n_steps && (options->execute || options->dry_run)) {
		r = plan_all(&run, direction, true);
		if (!r)
			r = plan_all(&run, direction, false);
	}
	if (!r && direction == UP)
		say_newer(&run);
	if (!r && options->dry_run)
		r = verb_exec(verb, "BEGIN", "begin");
	run.plan.killable = true;
	run.plan.rehearsal = options->dry_run;
	if (!r)
		r = plan_run(&run.plan, verb, apply, &run);
	run_deinit(&run);
	return r;
}

int cmd_migrate_up(struct verb *verb)
{
	return migrate(verb, UP);
}

int cmd_migrate_down(struct verb *verb)
{
	if (verb->options.to < 0)
		return verb_usage(verb,
				  "down wants --to, the version to go down to");
	/* The control tables serve every schema: only when asked for. */
	if (!verb->options.set)
		verb->options.set = "service";
	/* Only a file that is run shows which tables go. */
	verb->options.dry_run = !verb->options.execute;
	return migrate(verb, DOWN);
}
