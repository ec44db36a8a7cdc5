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
#include "infra/overlord/migrations.h"
#include "infra/overlord/plan.h"

enum { MIGRATORS_MAX = 2 };

struct run {
	struct verb *verb;
	char dir[MIGRATION_PATH_MAX - 16]; /* of all migrations */
	struct migrator migrators[MIGRATORS_MAX];
	size_t n_migrators;
	struct plan plan;
	struct migrator_step *steps; /* one for each of the plan's */
};

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < run->n_migrators; i++)
		migrator_deinit(&run->migrators[i]);
	for (size_t i = 0; i < run->plan.n_steps; i++)
		buf_deinit(&run->steps[i].gone);
	plan_deinit(&run->plan);
	free(run->steps);
}

/* As said; else as it is here, or installed. */
static int find_folder(struct run *run)
{
	const struct verb *verb = run->verb;
	const char *dir =
		verb->options.dir ? verb->options.dir : verb->conf.migrations;
	char found[MIGRATION_PATH_MAX];
	int r;

	if (!*dir) {
		r = migration_folder(found);
		if (r)
			return r;
		dir = found;
	}
	if (!str_copy(run->dir, sizeof(run->dir), dir))
		return verb_usage(verb, "folder '%.100s...' is too long", dir);
	return 0;
}

static int add_set(struct run *run, const char *name, const char *folder,
		   const char *schema)
{
	const char *set = run->verb->options.set;
	struct migrator *migrator = &run->migrators[run->n_migrators];
	int r;

	if (set && strcmp(set, name) != 0)
		return 0;
	run->n_migrators++;
	migrator->verb = run->verb;
	migrator->name = name;
	migrator->schema = schema;
	(void)snprintf(migrator->dir, sizeof(migrator->dir), "%s%s", run->dir,
		       folder);
	r = migration_set_load(&migrator->set, migrator->dir);
	return r ? r : migrator_read(migrator);
}

static int run_init(struct run *run, struct verb *verb)
{
	const char *set = verb->options.set;
	int r;

	run->verb = verb;
	if (set && strcmp(set, "control") != 0 && strcmp(set, "service") != 0)
		return verb_usage(verb,
				  "set '%s' is neither 'control' nor 'service'",
				  set);
	if (!strcmp(verb->schema, "control"))
		return verb_usage(verb,
				  "schema 'control' is not the services'");
	r = find_folder(run);
	if (!r)
		r = verb_connect(verb);
	if (!r)
		r = add_set(run, "control", "/control", "control");
	if (!r)
		r = add_set(run, "service", "", verb->schema);
	return r;
}

/* ---- status and check ---- */

static const char *state_of(const struct migrator *migrator,
			    const struct migration *row,
			    const struct applied *applied)
{
	if (migrator->dirty && migrator->version == row->version)
		return "dirty";
	if (migrator->version < row->version)
		return "pending";
	if (!applied)
		return "applied by another tool";
	return strcmp(applied->checksum, row->checksum) ? "changed" : "applied";
}

static void put_row(struct out *out, const struct migrator *migrator,
		    const struct migration *row)
{
	const struct applied *applied =
		migrator_applied(migrator, row->version);

	out_row(out);
	out_cell(out, "%s", migrator->name);
	out_cell(out, "%s", migrator->schema);
	out_cell(out, "%" PRId64, row->version);
	out_cell(out, "%s", row->name);
	out_cell(out, "%s", state_of(migrator, row, applied));
	if (applied) {
		out_cell_wall_ms(out, applied->at_ms);
		out_cell(out, "%s", applied->by);
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

		for (size_t n = 0; n < migrator->set.n_rows; n++)
			put_row(out, migrator, &migrator->set.rows[n]);
	}
	return out_print(out);
}

static void say_newer(const struct migrator *migrator)
{
	int64_t newest = migration_newest(&migrator->set);

	if (migrator->version > newest)
		out_say("schema '%s' is at version %" PRId64 ", newer than "
			"the files in '%s', which end at %" PRId64,
			migrator->schema, migrator->version, migrator->dir,
			newest);
}

int cmd_migrate_status(struct verb *verb)
{
	struct run run = { 0 };
	int r = run_init(&run, verb);

	if (!r)
		r = print_status(&run);
	for (size_t i = 0; !r && i < run.n_migrators; i++)
		say_newer(&run.migrators[i]);
	run_deinit(&run);
	return r;
}

static int check_applied(const struct migrator *migrator)
{
	int64_t newest = migration_newest(&migrator->set);
	int r = migrator_check(migrator, UP);

	if (r)
		return r;
	say_newer(migrator);
	if (migrator->version >= newest)
		return 0;
	return verb_failed("overlord migrate up --execute",
			   "schema '%s' is at version %" PRId64
			   ", the files in '%s' end at %" PRId64,
			   migrator->schema, migrator->version, migrator->dir,
			   newest);
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
	run_deinit(&run);
	return r ? r : checked;
}

/* ---- up and down ---- */

static void add_step(struct run *run, const struct migrator *migrator,
		     int64_t from, enum direction direction)
{
	int64_t to = direction == DOWN ? from - 1 : from + 1;
	const struct migration *row =
		migration_find(&migrator->set, direction == DOWN ? from : to);
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

/* Where a set goes to: --to is meant for the services' set, or for --set. */
static int64_t target_of(const struct run *run, const struct migrator *migrator)
{
	const struct options *options = &run->verb->options;

	if (options->to < 0 ||
	    (!options->set && !strcmp(migrator->name, "control")))
		return migration_newest(&migrator->set);
	return options->to;
}

static int plan_set(struct run *run, const struct migrator *migrator,
		    enum direction direction)
{
	int64_t target = target_of(run, migrator);
	int64_t newest = migration_newest(&migrator->set);
	int64_t version = migrator->version;
	int r = migrator_check(migrator, direction);

	if (r)
		return r;
	if (target > newest)
		return verb_usage(run->verb,
				  "there is no version %" PRId64
				  ", the files in '%s' end at %" PRId64,
				  target, migrator->dir, newest);
	if (direction == UP)
		say_newer(migrator);
	for (; direction == UP && version < target; version++)
		add_step(run, migrator, version, UP);
	for (; direction == DOWN && version > target; version--)
		add_step(run, migrator, version, DOWN);
	return 0;
}

/*
 * Plans the set; what is to be done is locked and planned anew, since another
 * migrator that had the lock may have done it.
 */
static int plan_and_lock(struct run *run, struct migrator *migrator,
			 enum direction direction)
{
	const struct options *options = &run->verb->options;
	size_t n_before = run->plan.n_steps;
	int r = plan_set(run, migrator, direction);

	if (r || run->plan.n_steps == n_before ||
	    (!options->execute && !options->dry_run))
		return r;
	r = migrator_lock(migrator);
	if (!r)
		r = migrator_read(migrator);
	if (r)
		return r;
	plan_truncate(&run->plan, n_before);
	return plan_set(run, migrator, direction);
}

static int apply(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;
	struct migrator_step *step = &run->steps[i];
	int r = migrator_apply(step);

	if (!r)
		*ret = PLAN_CONFIRMED;
	else if (step->unknown)
		*ret = PLAN_UNKNOWN;
	if (step->gone.n)
		plan_then(&run->plan, i, ", without the tables ", step->gone.p);
	return r;
}

static int rehearse(struct run *run)
{
	struct verb *verb = run->verb;
	int r = verb_exec(verb, "BEGIN", "begin");

	if (r)
		return r;
	r = plan_rehearse(&run->plan, verb, apply, run);
	if (!pg_lost(verb->pg))
		(void)pg_exec(verb->pg, "ROLLBACK", verb->conf.timeout_ms);
	return r;
}

static int migrate(struct verb *verb, enum direction direction)
{
	struct run run = { .plan.killable = true };
	int r = run_init(&run, verb);

	for (size_t i = 0; !r && i < run.n_migrators; i++)
		r = plan_and_lock(&run, &run.migrators[i], direction);
	if (!r && verb->options.dry_run)
		r = rehearse(&run);
	else if (!r)
		r = plan_run(&run.plan, verb, apply, &run);
	for (size_t i = 0; !r && i < run.n_migrators; i++)
		r = migrator_unlock(&run.migrators[i]);
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
