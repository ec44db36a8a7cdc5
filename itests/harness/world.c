/* SPDX-License-Identifier: MIT */
/*
 * The first thread of the test's process.
 *
 * Databases are copies of a template that the first test migrates, under an
 * advisory lock. Its name has a hash of the migrations that made it, so that a
 * server that outlives a change of them gets another template.
 */
#include "itests/harness/world.h"

#include <check.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/hash.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/bus.h"
#include "itests/harness/grill_spy.h"

#define SCHEMA "galore"
/* The same number in every test, and nobody else's. */
#define TEMPLATE_LOCK 7467001

static const char *setting_or(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

void world_path(const struct world *world, const char *name,
		char ret[PROGRAM_PATH_MAX])
{
	ck_assert_int_lt(
		snprintf(ret, PROGRAM_PATH_MAX, "%s/%s", world->dir, name),
		PROGRAM_PATH_MAX);
}

void world_topic(const struct world *world, const char *topic, char ret[128])
{
	(void)snprintf(ret, 128, "%s%s", topic, world->suffix);
}

void world_group(const struct world *world, const char *service,
		 const char *colour, char ret[128])
{
	(void)snprintf(ret, 128, "%s.%s%s", service, colour, world->suffix);
}

void world_partition(const struct world *world, const char *topic,
		     int32_t partition, char ret[160])
{
	(void)snprintf(ret, 160, "'%s%s' partition %d", topic, world->suffix,
		       partition);
}

int64_t world_next_offset(const struct world *world, const char *topic,
			  int32_t partition)
{
	return db_i64(world->db,
		      "SELECT next_offset FROM positions WHERE service = "
		      "'chillybin' AND topic = '%s' AND partition = %d",
		      topic, partition);
}

int64_t world_cut_sessions(struct world *world, const char *program)
{
	return db_i64(world->db,
		      "SELECT count(pg_terminate_backend(pid)) FROM "
		      "pg_stat_activity WHERE datname = current_database() "
		      "AND application_name LIKE '%s%%'",
		      program);
}

/* ---- programs and commands ---- */

static struct program *program_of(struct world *world, const char *name)
{
	/* Later ones win; the empty ones a person may have set for a run. */
	static const char *const settings[] = {
		"GROUP_SESSION_TIMEOUT_MS=3000", "ADDR=127.0.0.1:0",
		"PROBE_ADDR=127.0.0.1:0",
		/* A busy machine is no outage. */
		"PUBLISH_TIMEOUT_MS=60000", "VIEW_TIMEOUT_MS=60000",
		"GRILL_PATIENCE_MS=600000", "OVERLORD_TIMEOUT_MS=120000",
		"LOG_LEVEL=info", "USER=itest",
		"COLOUR=", "VERSION=", "INSTANCE_ID="
	};
	struct program *program = program_new(
		name, setting_or("BIN", "build/rel/bin"), world->dir);

	program_set(program, "KAFKA_BROKERS=%s", world->brokers);
	program_set(program, "DATABASE_URL=%s", world->url);
	program_set(program, "TOPIC_SUFFIX=%s", world->suffix);
	program_set(program, "DB_SCHEMA=%s", SCHEMA);
	program_set(program, "ADDR_FILE=%s", program->port_file);
	program_set(program, "PROBE_PORT_FILE=%s", program->port_file);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		program_set(program, "%s", settings[i]);
	program->next = world->programs;
	world->programs = program;
	return program;
}

struct program *world_start_list(struct world *world, const char *const *list)
{
	struct program *program = program_of(world, list[0]);

	while (*++list)
		program_set(program, "%s", *list);
	program_start(program);
	return program;
}

struct program *world_await(struct program *program)
{
	(void)program_wait_ready(program);
	return program;
}

struct program *world_command_list(struct world *world, const char *const *list)
{
	struct program *program = program_of(world, list[0]);

	while (*++list)
		program_argument(program, *list);
	/* It does not say that it is ready. */
	program->port_file[0] = '\0';
	return program;
}

void world_finish(struct program *command, int64_t timeout_ms)
{
	int status;

	if (!command->pid)
		program_start(command);
	status = program_wait(command, timeout_ms);
	ck_assert_msg(status == 0, "%s ended with status %d, it said '%s'",
		      command->name, status, command->log);
}

void world_wait_all_ready(struct world *world)
{
	for (struct program *p = world->programs; p; p = p->next)
		if (p->pid && *p->port_file)
			(void)program_wait_ready(p);
}

/* ---- overlord status ---- */

void world_wait_status(struct world *world, int status, const char *said)
{
	struct program *overlord =
		world_command(world, "overlord-status", "status");
	int64_t deadline_at_ms = within(PATIENCE_MS);

	for (;;) {
		(void)remove(overlord->log);
		program_start(overlord);
		if (program_wait(overlord, PATIENCE_MS) == status &&
		    program_said(overlord, said))
			return;
		wait_more(deadline_at_ms,
			  "status does not come to %d with '%s'", status, said);
	}
}

/* ---- database ---- */

/* Of the names and contents of all migrations. */
static uint64_t hash_migrations(void)
{
	struct buf all = { 0 };
	uint64_t hash;
	glob_t files;

	ck_assert(!glob("migrations/*.sql", 0, NULL, &files));
	ck_assert(!glob("migrations/control/*.sql", GLOB_APPEND, NULL, &files));
	for (size_t i = 0; i < files.gl_pathc; i++) {
		CLEANUP(cleanup_free)
		char *text = file_text(files.gl_pathv[i]);

		ck_assert_msg(text, "cannot read '%s'", files.gl_pathv[i]);
		buf_printf(&all, "%s\n%s\n", files.gl_pathv[i], text);
	}
	globfree(&files);
	hash = hash_bytes(all.p, all.n);
	buf_deinit(&all);
	return hash;
}

/* The same server, another database: the later of two dbname wins. */
static void set_database(struct world *world, const char *base,
			 const char *database)
{
	const char *separator = " ";

	if (strstr(base, "://"))
		separator = strchr(base, '?') ? "&" : "?";
	ck_assert_int_lt(snprintf(world->url, sizeof(world->url),
				  "%s%sdbname=%s", base, separator, database),
			 (int)sizeof(world->url));
}

/* The template is there when this returns. */
static void need_template(struct world *world, struct db *db, const char *base,
			  const char *template)
{
	char fresh[80];

	(void)snprintf(fresh, sizeof(fresh), "%s_new", template);
	(void)db_query(db, "SELECT 1 FROM pg_advisory_lock(%d)", TEMPLATE_LOCK);
	if (!db_i64(db, "pg_database WHERE datname = '%s'", template)) {
		(void)db_query(db, "DROP DATABASE IF EXISTS %s", fresh);
		(void)db_query(db, "CREATE DATABASE %s", fresh);
		set_database(world, base, fresh);
		world_run(world, "overlord-migrate", "migrate", "up",
			  "--execute");
		db_insist(db, "ALTER DATABASE %s RENAME TO %s", fresh,
			  template);
	}
	(void)db_query(db, "SELECT pg_advisory_unlock(%d)", TEMPLATE_LOCK);
}

static void open_database(struct world *world)
{
	const char *base = getenv("DATABASE_URL");
	CLEANUP(db_freep) struct db *admin = NULL;
	char template[64], name[80];

	ck_assert_msg(base && *base, "DATABASE_URL is not set: "
				     "itests/run.sh starts a server");
	admin = db_new(base, NULL);
	(void)snprintf(template, sizeof(template), "itest_%016" PRIx64,
		       hash_migrations());
	need_template(world, admin, base, template);
	(void)snprintf(name, sizeof(name), "itest%s", world->suffix);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	db_insist(admin, "CREATE DATABASE %s TEMPLATE %s", name, template);
	set_database(world, base, name);
	world->db = db_new(world->url, SCHEMA);
}

/* ---- the world ---- */

static void make_folder(struct world *world)
{
	const char *base = setting_or("ITEST_DIR", "build/itest");
	char path[4 * PROGRAM_PATH_MAX];

	(void)mkdir("build", 0755);
	(void)mkdir(base, 0755);
	(void)snprintf(world->dir, sizeof(world->dir), "%s/%s", base,
		       world->name);
	if (mkdir(world->dir, 0755) && errno == EEXIST) {
		/* Of an earlier run, or of an earlier world of this test, whose
		 * topics are not forgotten. */
		(void)snprintf(path, sizeof(path),
			       "cat '%s/passed' >>'%s/topics' 2>&-; "
			       "rm -rf -- '%s'",
			       world->dir, base, world->dir);
		ck_assert_int_eq(system(path), 0);
		(void)mkdir(world->dir, 0755);
	}
	ck_assert_msg(!access(world->dir, W_OK), "cannot write to '%s'",
		      world->dir);
}

static struct world *begin(const char *name, int i)
{
	struct world *world = xcalloc(1, sizeof(*world));
	char number[16] = "";

	/* The process that runs the tests may be killed: then we end, and with
	 * us the programs. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (i >= 0)
		(void)snprintf(number, sizeof(number), "-%d", i);
	(void)snprintf(world->name, sizeof(world->name), "%s%s", name, number);
	(void)snprintf(world->suffix, sizeof(world->suffix), "-t%" PRIx64 "-%d",
		       (uint64_t)clock_wall_ms(), (int)getpid());
	make_folder(world);
	return world;
}

static struct world *complete(struct world *world)
{
	open_database(world);
	world_run(world, "overlord-topics", "topics", "apply", "--execute");
	return world;
}

struct world *world_new(const char *name, int i)
{
	struct world *world = begin(name, i);
	const char *brokers = getenv("KAFKA_BROKERS");

	ck_assert_msg(brokers && *brokers, "KAFKA_BROKERS is not set: "
					   "itests/run.sh starts a server");
	ck_assert(str_copy(world->brokers, sizeof(world->brokers), brokers));
	return complete(world);
}

struct world *world_new_with_kafka(const char *name, int i)
{
	struct world *world = begin(name, i);

	world->own_kafka = true;
	world_kafka(world, "start");
	return complete(world);
}

/* ---- a Kafka of its own ---- */

/* The first line of a file of its folder. */
static char *kafka_line(const struct world *world, const char *name)
{
	char path[PROGRAM_PATH_MAX], *line;

	world_path(world, name, path);
	line = file_text(path);
	ck_assert_msg(line && *line, "'%s' says nothing", path);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void read_brokers(struct world *world)
{
	CLEANUP(cleanup_free) char *line = kafka_line(world, "kafka/kafka.env");

	ck_assert(!strncmp(line, "KAFKA_BROKERS=", 14));
	/* What runs already knows no other address. */
	ck_assert_msg(!*world->brokers || !strcmp(world->brokers, line + 14),
		      "the broker of '%s' is at '%s' now", world->brokers,
		      line + 14);
	ck_assert(str_copy(world->brokers, sizeof(world->brokers), line + 14));
}

void world_kafka(struct world *world, const char *verb)
{
	char path[PROGRAM_PATH_MAX], pid[16];
	bool starts = !strcmp(verb, "start");

	world_path(world, "kafka", path);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	world_run(world, "infra/kafka/kafka.sh", verb, path,
		  starts ? "--watch-pid" : NULL, pid);
	if (starts)
		read_brokers(world);
}

pid_t world_kafka_pid(const struct world *world)
{
	CLEANUP(cleanup_free) char *line = kafka_line(world, "kafka/kafka.pid");
	int64_t pid;

	ck_assert(!str_to_i64(&pid, line, 2, INT32_MAX));
	return (pid_t)pid;
}

/* ---- the end ---- */

/* One that died before it was asked to end is a fault, whatever else. */
static void note_dead(struct program *program, struct buf *faults)
{
	int status;

	if (!program->pid || !program_ended(program))
		return;
	status = program_wait(program, 0);
	buf_printf(faults, "%s had ended by itself with status %d; ",
		   program->name, status);
}

static void end_program(struct program *program, struct buf *faults)
{
	int status;

	if (program_ended(program))
		return;
	(void)kill(program->pid, SIGCONT);
	(void)kill(program->pid, SIGTERM);
	status = program_wait(program, 30000);
	if (status)
		buf_printf(faults, "%s left with status %d; ", program->name,
			   status);
}

/* The file names the topics that are of no use any more; a Kafka of its own
 * has none that stay. */
static void mark_passed(const struct world *world)
{
	char path[PROGRAM_PATH_MAX];
	FILE *file;

	world_path(world, "passed", path);
	file = fopen(path, "we");
	ck_assert_msg(file, "cannot write '%s'", path);
	if (!world->own_kafka)
		(void)fprintf(file, "%s\n", world->suffix);
	(void)fclose(file);
}

static void drop_database(struct world *world)
{
	const char *base = getenv("DATABASE_URL");
	CLEANUP(db_freep) struct db *admin = NULL;
	CLEANUP(cleanup_free) char *name = NULL;

	name = db_text(world->db, "SELECT current_database()::text");
	world->db = db_free(world->db);
	admin = db_new(base, NULL);
	db_insist(admin, "DROP DATABASE %s WITH (FORCE)", name);
}

struct world *world_free(struct world *world)
{
	struct buf faults = { 0 };

	if (!world)
		return NULL;
	for (struct program *p = world->programs; p; p = p->next)
		note_dead(p, &faults);
	for (struct program *p = world->programs; p; p = p->next)
		end_program(p, &faults);
	ck_assert_msg(!faults.n, "%.*s", (int)faults.n, faults.p);
	if (world->own_kafka)
		world_kafka(world, "remove");
	world->bus = bus_free(world->bus);
	drop_database(world);
	mark_passed(world);
	while (world->grills)
		world->grills = grill_free(world->grills);
	while (world->programs)
		world->programs = program_free(world->programs);
	buf_deinit(&faults);
	free(world);
	return NULL;
}
