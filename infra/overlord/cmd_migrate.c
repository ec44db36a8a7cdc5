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
#include "infra/overlord/command.h"
#include "infra/overlord/migrator.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"

enum { PARTS_MAX = 2 };
#define LOCK_TIMEOUT_MS INT64_C(30000)
#define QUERY_TIMEOUT_MS INT64_C(30000)

struct part {
	const char *name; /* "control", "service" */
	char dir[MIGRATION_PATH_MAX];
	struct migration_set set;
	struct migrated migrated;
	struct migrator migrator;
	bool locked;
};

struct run {
	const struct command *command;
	struct pg *pg;
	char dir[MIGRATION_PATH_MAX - 16]; /* of all migrations */
	struct part parts[PARTS_MAX];
	size_t n_parts;
	struct plan plan;
	struct step {
		struct part *part;
		struct migrator_step step;
	} * steps; /* one for each of the plan's */
	size_t n_steps;
};

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < run->n_parts; i++) {
		migration_set_deinit(&run->parts[i].set);
		migrated_deinit(&run->parts[i].migrated);
	}
	plan_deinit(&run->plan);
	free(run->steps);
	run->pg = pg_free(run->pg);
}

static int no_files(const struct migration_fault *fault)
{
	out_error("%s", fault->what);
	out_hint("MIGRATIONS_DIR or --dir says where the migrations are");
	return COMMAND_E_FAILED;
}

/* As said; else as it is here, or installed. */
static int find_folder(struct run *run)
{
	const struct command *command = run->command;
	const char *dir = command->options.dir ? command->options.dir
					       : command->conf.migrations;
	struct migration_fault fault = { "" };
	char found[MIGRATION_PATH_MAX];

	if (!*dir) {
		if (migration_folder(found, &fault))
			return no_files(&fault);
		dir = found;
	}
	if (!str_copy(run->dir, sizeof(run->dir), dir))
		return command_usage(command, "folder '%.100s...' is too long",
				     dir);
	return 0;
}

static int add_part(struct run *run, const char *name, const char *folder,
		    const char *schema)
{
	const struct command *command = run->command;
	struct part *part = &run->parts[run->n_parts];
	struct migration_fault fault = { "" };
	int r;

	if (command->options.set && strcmp(command->options.set, name) != 0)
		return 0;
	run->n_parts++;
	part->name = name;
	(void)snprintf(part->dir, sizeof(part->dir), "%s%s", run->dir, folder);
	r = migration_set_load(&part->set, part->dir, &fault);
	if (r > 0)
		return no_files(&fault);
	part->migrator = (struct migrator){
		.pg = run->pg,
		.command = command,
		.schema = schema,
		.set = &part->set,
		.lock_timeout_ms = LOCK_TIMEOUT_MS,
	};
	return r;
}

static int read_part(struct part *part)
{
	int r;

	migrated_deinit(&part->migrated);
	r = migrator_read(&part->migrator, &part->migrated);
	return r ? command_pg_failed(part->migrator.pg, r, part->name) : 0;
}

static int run_init(struct run *run, const struct command *command)
{
	const char *set = command->options.set;
	int r;

	run->command = command;
	if (set && strcmp(set, "control") != 0 && strcmp(set, "service") != 0)
		return command_usage(command,
				     "set '%s' is neither 'control' nor "
				     "'service'",
				     set);
	if (!strcmp(command->schema, "control"))
		return command_usage(command, "schema 'control' is not the "
					      "services'");
	r = find_folder(run);
	if (!r)
		r = command_connect(&run->pg, command);
	if (!r)
		r = add_part(run, "control", "/control", "control");
	if (!r)
		r = add_part(run, "service", "", command->schema);
	for (size_t i = 0; !r && i < run->n_parts; i++)
		r = read_part(&run->parts[i]);
	return r;
}

/* ---- status and check ---- */

static const char *state_of(const struct part *part,
			    const struct migration *row)
{
	const struct applied *applied =
		migrated_find(&part->migrated, row->version);

	if (part->migrated.dirty && part->migrated.version == row->version)
		return "dirty";
	if (part->migrated.version < row->version)
		return "pending";
	if (!applied)
		return "applied by another tool";
	return strcmp(applied->checksum, row->checksum) ? "changed" : "applied";
}

static void put_row(struct out *out, const struct part *part,
		    const struct migration *row)
{
	const struct applied *applied =
		migrated_find(&part->migrated, row->version);

	out_row(out);
	out_cell(out, "%s", part->name);
	out_cell(out, "%s", part->migrator.schema);
	out_cell(out, "%" PRId64, row->version);
	out_cell(out, "%s", row->name);
	out_cell(out, "%s", state_of(part, row));
	if (applied) {
		out_cell_wall_ms(out, applied->at_ms);
		out_cell(out, "%s", applied->by);
	}
}

static int print_status(const struct run *run)
{
	CLEANUP(out_freep)
	struct out *out = out_new("migrations", run->command->options.json);

	out_column(out, "set", OUT_TEXT);
	out_column(out, "schema", OUT_TEXT);
	out_column(out, "version", OUT_NUMBER);
	out_column(out, "name", OUT_TEXT);
	out_column(out, "state", OUT_TEXT);
	out_column(out, "applied_at", OUT_TEXT);
	out_column(out, "applied_by", OUT_TEXT);
	for (size_t i = 0; i < run->n_parts; i++)
		for (size_t n = 0; n < run->parts[i].set.n_rows; n++)
			put_row(out, &run->parts[i],
				&run->parts[i].set.rows[n]);
	return out_print(out);
}

static void say_newer(const struct part *part)
{
	if (part->migrated.version > migration_newest(&part->set))
		out_say("schema '%s' is at version %" PRId64 ", newer than "
			"the files in '%s', which end at %" PRId64,
			part->migrator.schema, part->migrated.version,
			part->dir, migration_newest(&part->set));
}

int cmd_migrate_status(struct command *command)
{
	struct run run = { 0 };
	int r = run_init(&run, command);

	if (!r)
		r = print_status(&run);
	for (size_t i = 0; !r && i < run.n_parts; i++)
		say_newer(&run.parts[i]);
	run_deinit(&run);
	return r;
}

/* May it be migrated at all? */
static int check_part(const struct part *part, bool down)
{
	struct migration_fault fault = { "" };

	if (!migrator_check(&part->migrated, &part->set, down, &fault))
		return 0;
	out_error("schema '%s': %s", part->migrator.schema, fault.what);
	if (part->migrated.dirty)
		out_hint("look at what is there, mend it by hand, then run "
			 "golang-migrate's 'force' with the version that it "
			 "is at");
	else if (part->migrated.version > migration_newest(&part->set))
		out_hint("the schema is newer than these files: take the "
			 "folder that it was migrated from");
	else
		out_hint("a file that was applied is never edited: put it "
			 "back as it was, and write the change as a new "
			 "migration");
	return COMMAND_E_FAILED;
}

int cmd_migrate_check(struct command *command)
{
	struct run run = { 0 };
	int r = run_init(&run, command), checked = 0;

	if (!r)
		r = print_status(&run);
	for (size_t i = 0; !r && i < run.n_parts; i++) {
		const struct part *part = &run.parts[i];

		if (check_part(part, false)) {
			checked = COMMAND_E_FAILED;
		} else if (part->migrated.version <
			   migration_newest(&part->set)) {
			out_error("schema '%s' is at version %" PRId64
				  ", the files in '%s' end at %" PRId64,
				  part->migrator.schema, part->migrated.version,
				  part->dir, migration_newest(&part->set));
			out_hint("overlord migrate up --execute");
			checked = COMMAND_E_FAILED;
		} else {
			say_newer(part);
		}
	}
	run_deinit(&run);
	return r ? r : checked;
}

/* ---- up and down ---- */

static void add_step(struct run *run, struct part *part,
		     const struct migration *row, bool down)
{
	int64_t from = down ? row->version : row->version - 1;
	char what[MIGRATION_NAME_MAX + 80], now[32], then[32];

	(void)snprintf(what, sizeof(what), "%s: %s", part->migrator.schema,
		       down ? row->down_file : row->up_file);
	(void)snprintf(now, sizeof(now), "version %" PRId64, from);
	(void)snprintf(then, sizeof(then), "version %" PRId64,
		       down ? from - 1 : from + 1);
	plan_add(&run->plan, what, now, then);
	run->steps = xreallocarray(run->steps, run->n_steps + 1,
				   sizeof(*run->steps));
	run->steps[run->n_steps++] = (struct step){
		.part = part,
		.step = { .row = row,
			  .down = down,
			  .within = run->command->options.dry_run,
			  .from = from },
	};
}

/* Where a part goes to: --to is meant for the services' set, or for --set. */
static int64_t target_of(const struct run *run, const struct part *part)
{
	int64_t newest = migration_newest(&part->set);
	int64_t to = run->command->options.to;

	if (to < 0 ||
	    (!run->command->options.set && !strcmp(part->name, "control")))
		return newest;
	return to;
}

static int plan_part(struct run *run, struct part *part, bool down)
{
	int64_t target = target_of(run, part);
	int64_t version = part->migrated.version;
	int r = check_part(part, down);

	if (r)
		return r;
	if (target > migration_newest(&part->set))
		return command_usage(run->command,
				     "there is no version %" PRId64
				     ", the files in '%s' end at %" PRId64,
				     target, part->dir,
				     migration_newest(&part->set));
	if (!down)
		say_newer(part);
	for (; !down && version < target; version++)
		add_step(run, part, migration_find(&part->set, version + 1),
			 false);
	for (; down && version > target; version--)
		add_step(run, part, migration_find(&part->set, version), true);
	return 0;
}

/*
 * Plans the part; what is to be done is locked and planned anew, since it may
 * have been done by whoever had the lock.
 */
static int plan_and_lock(struct run *run, struct part *part, bool down)
{
	const struct options *options = &run->command->options;
	size_t n_before = run->n_steps;
	int r = plan_part(run, part, down);

	if (r || run->n_steps == n_before ||
	    (!options->execute && !options->dry_run))
		return r;
	r = migrator_lock(&part->migrator);
	if (r)
		return r;
	part->locked = true;
	r = read_part(part);
	if (r)
		return r;
	run->n_steps = n_before;
	plan_truncate(&run->plan, n_before);
	return plan_part(run, part, down);
}

static int apply(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;
	const struct step *step = &run->steps[i];
	struct migrator_done done = { 0 };
	int r = migrator_apply(&step->part->migrator, &step->step, &done);

	if (!r)
		*ret = PLAN_CONFIRMED;
	else if (done.unknown)
		*ret = PLAN_UNKNOWN;
	if (done.gone.n)
		plan_then(&run->plan, i, ", without the tables ", done.gone.p);
	buf_deinit(&done.gone);
	return r;
}

static int rehearse(struct run *run)
{
	int r = pg_exec(run->pg, "BEGIN", QUERY_TIMEOUT_MS);

	if (r)
		return command_pg_failed(run->pg, r, "begin");
	r = plan_rehearse(&run->plan, run->command, apply, run);
	if (!pg_lost(run->pg))
		(void)pg_exec(run->pg, "ROLLBACK", QUERY_TIMEOUT_MS);
	return r;
}

static int migrate(struct command *command, bool down)
{
	struct run run = { .plan.killable = true };
	int r = run_init(&run, command);

	for (size_t i = 0; !r && i < run.n_parts; i++)
		r = plan_and_lock(&run, &run.parts[i], down);
	if (!r && command->options.dry_run)
		r = rehearse(&run);
	else if (!r)
		r = plan_run(&run.plan, command, apply, &run);
	for (size_t i = 0; !r && i < run.n_parts; i++)
		if (run.parts[i].locked)
			r = migrator_unlock(&run.parts[i].migrator);
	run_deinit(&run);
	return r;
}

int cmd_migrate_up(struct command *command)
{
	return migrate(command, false);
}

int cmd_migrate_down(struct command *command)
{
	if (command->options.to < 0)
		return command_usage(command, "down wants --to, the version "
					      "to go down to");
	/* The control tables serve every schema: only when asked for. */
	if (!command->options.set)
		command->options.set = "service";
	/* Only a file that is run shows which tables go. */
	command->options.dry_run = !command->options.execute;
	return migrate(command, true);
}
