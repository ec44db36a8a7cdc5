/* SPDX-License-Identifier: MIT */
/*
 * World: see world.h. The first thread of the test's process.
 *
 * Databases are copies of a template that is migrated once, by whoever comes
 * first (an advisory lock). Its name tells the migrations that made it, so that
 * a server that outlives a change of them gets another one.
 */
#include "itests/harness/world.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/xalloc.h"

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

/* ---- commands ---- */

static char *text_by(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
static char *text_by(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	ck_assert_int_ge(n, 0);
	return text;
}

static size_t n_settings(const struct program *program)
{
	size_t n = 0;

	while (program->settings && program->settings[n])
		n++;
	return n;
}

/* Takes @setting. */
static void add_setting(struct program *program, char *setting)
{
	size_t n = n_settings(program);

	program->settings = xreallocarray(program->settings, n + 2,
					  sizeof(*program->settings));
	program->settings[n] = setting;
	program->settings[n + 1] = NULL;
}

void program_set(struct program *program, const char *setting)
{
	add_setting(program, xstrdup(setting));
}

static void settings_of_all(const struct world *world, struct program *program)
{
	add_setting(program, text_by("KAFKA_BROKERS=%s", world->brokers));
	add_setting(program, text_by("DATABASE_URL=%s", world->url));
	add_setting(program, text_by("TOPIC_SUFFIX=%s", world->suffix));
	add_setting(program, xstrdup("DB_SCHEMA=" SCHEMA));
	add_setting(program, xstrdup("GROUP_SESSION_TIMEOUT_MS=3000"));
	add_setting(program, xstrdup("ADDR=127.0.0.1:0"));
	add_setting(program, text_by("ADDR_FILE=%s", program->port_file));
	add_setting(program, xstrdup("PROBE_ADDR=127.0.0.1:0"));
	add_setting(program, text_by("PROBE_PORT_FILE=%s", program->port_file));
	/* A busy machine is no outage. */
	add_setting(program, xstrdup("PUBLISH_TIMEOUT_MS=60000"));
	add_setting(program, xstrdup("VIEW_TIMEOUT_MS=60000"));
	add_setting(program, xstrdup("GRILL_PATIENCE_MS=600000"));
	add_setting(program, xstrdup("OVERLORD_TIMEOUT_MS=120000"));
	add_setting(program, xstrdup("LOG_LEVEL=info"));
	add_setting(program, xstrdup("USER=itest"));
	/* What a person may have set for a run of her own. */
	add_setting(program, xstrdup("COLOUR="));
	add_setting(program, xstrdup("VERSION="));
	add_setting(program, xstrdup("INSTANCE_ID="));
}

static struct program *program_new(struct world *world, const char *name)
{
	struct program *program = xcalloc(1, sizeof(*program));
	const char *base = strrchr(name, '/');
	size_t n_kind = strcspn(name, "-");

	base = base ? base + 1 : name;
	ck_assert(str_copy(program->name, sizeof(program->name), base));
	if (strchr(name, '/'))
		ck_assert(str_copy(program->path, sizeof(program->path), name));
	else
		(void)snprintf(program->path, sizeof(program->path), "%s/%.*s",
			       setting_or("BIN", "build/rel/bin"), (int)n_kind,
			       name);
	(void)snprintf(program->log, sizeof(program->log), "%s/%s.log",
		       world->dir, program->name);
	(void)snprintf(program->port_file, sizeof(program->port_file),
		       "%s/%s.port", world->dir, program->name);
	settings_of_all(world, program);
	program->next = world->programs;
	world->programs = program;
	return program;
}

static char *const *words(const char *first, va_list args)
{
	char **ret = xcalloc(2, sizeof(*ret));
	const char *word;
	size_t n = 0;

	ret[n++] = xstrdup(first);
	while ((word = va_arg(args, const char *))) {
		ret = xreallocarray(ret, n + 2, sizeof(*ret));
		ret[n++] = xstrdup(word);
		ret[n] = NULL;
	}
	return ret;
}

struct program *world_start(struct world *world, const char *name, ...)
{
	struct program *program = program_new(world, name);
	const char *setting;
	va_list args;

	va_start(args, name);
	while ((setting = va_arg(args, const char *)))
		program_set(program, setting);
	va_end(args);
	program->argv = xcalloc(2, sizeof(*program->argv));
	((char **)(uintptr_t)program->argv)[0] = xstrdup(program->path);
	program_start(program);
	return program;
}

struct program *world_command(struct world *world, const char *name, ...)
{
	struct program *program = program_new(world, name);
	va_list args;

	va_start(args, name);
	program->argv = words(program->path, args);
	va_end(args);
	/* Nobody is asked whether it is ready. */
	program->port_file[0] = '\0';
	return program;
}

void world_run(struct world *world, int64_t timeout_ms, struct program *command)
{
	int status;

	(void)world;
	program_start(command);
	status = program_wait(command, timeout_ms);
	ck_assert_msg(status == 0, "%s ended with status %d, it said '%s'",
		      command->name, status, command->log);
}

static bool serves(const struct program *program)
{
	static const char *const kinds[] = { "storefront", "chillybin",
					     "jafflr", "tally" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(program->name, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

void world_wait_all_ready(struct world *world)
{
	for (struct program *p = world->programs; p; p = p->next)
		if (p->pid && serves(p))
			(void)program_wait_ready(p, READY_MS);
}

/* ---- database ---- */

static uint64_t hash_folder(const char *path, uint64_t hash);

/* Of names and contents, whatever the order of the folder's rows. */
static uint64_t hash_file(const char *path)
{
	struct buf text = { 0 };
	FILE *file = fopen(path, "re");
	uint64_t hash;
	size_t n;

	ck_assert_msg(file, "cannot read '%s'", path);
	buf_text(&text, path);
	do {
		n = fread(buf_reserve(&text, 65536), 1, 65536, file);
		text.n += n;
	} while (n);
	(void)fclose(file);
	hash = hash_bytes(text.p, text.n);
	buf_deinit(&text);
	return hash;
}

static uint64_t hash_folder(const char *path, uint64_t hash)
{
	char file[PROGRAM_PATH_MAX];
	const struct dirent *row;
	struct stat is;
	DIR *dir = opendir(path);

	ck_assert_msg(dir, "cannot read the folder '%s'", path);
	while ((row = readdir(dir))) {
		if (row->d_name[0] == '.')
			continue;
		(void)snprintf(file, sizeof(file), "%s/%s", path, row->d_name);
		if (stat(file, &is))
			continue;
		hash += S_ISDIR(is.st_mode) ? hash_folder(file, 0)
					    : hash_file(file);
	}
	(void)closedir(dir);
	return hash;
}

/* The same server, another database: the later of two dbname wins. */
static void url_of(const char *base, const char *database, char *ret,
		   size_t size)
{
	const char *format = "%s dbname=%s";

	if (strstr(base, "://"))
		format = strchr(base, '?') ? "%s&dbname=%s" : "%s?dbname=%s";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	ck_assert_int_lt(snprintf(ret, size, format, base, database),
			 (int)size);
#pragma GCC diagnostic pop
}

static void migrate(struct world *world)
{
	world_run(world, PATIENCE_MS,
		  world_command(world, "overlord-migrate", "migrate", "up",
				"--execute", NULL));
}

/* The template is there when this returns. */
static void need_template(struct world *world, struct db *db, const char *base,
			  const char *template)
{
	char fresh[80];

	(void)db_query(db, "SELECT 1 FROM pg_advisory_lock(%d)", TEMPLATE_LOCK);
	if (!db_i64(db,
		    "SELECT count(*) FROM pg_database WHERE datname = "
		    "'%s'",
		    template)) {
		(void)db_query(db, "DROP DATABASE IF EXISTS %s_new", template);
		(void)db_query(db, "CREATE DATABASE %s_new", template);
		(void)snprintf(fresh, sizeof(fresh), "%s_new", template);
		url_of(base, fresh, world->url, sizeof(world->url));
		migrate(world);
		db_insist(db, "ALTER DATABASE %s_new RENAME TO %s", template,
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
		       hash_folder("migrations", 0));
	need_template(world, admin, base, template);
	(void)snprintf(name, sizeof(name), "itest%s", world->suffix);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	db_insist(admin, "CREATE DATABASE %s TEMPLATE %s", name, template);
	url_of(base, name, world->url, sizeof(world->url));
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

static void name_world(struct world *world, const char *name)
{
	size_t n = strlen(name);

	/* Check has made a function of the test's name. */
	if (n > 3 && !strcmp(name + n - 3, "_fn"))
		n -= 3;
	ck_assert(str_n_copy(world->name, sizeof(world->name), name, n));
	(void)snprintf(world->suffix, sizeof(world->suffix), "-t%" PRIx64 "-%d",
		       (uint64_t)clock_wall_ms(), (int)getpid());
}

static struct world *begin(const char *name)
{
	struct world *world = xcalloc(1, sizeof(*world));

	/* Whoever runs the tests may be killed: then we end, and with us the
	 * programs. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	name_world(world, name);
	make_folder(world);
	return world;
}

static void make_topics(struct world *world)
{
	world_run(world, PATIENCE_MS,
		  world_command(world, "overlord-topics", "topics", "apply",
				"--execute", NULL));
}

struct world *world_new(const char *name)
{
	struct world *world = begin(name);
	const char *brokers = getenv("KAFKA_BROKERS");

	ck_assert_msg(brokers && *brokers, "KAFKA_BROKERS is not set: "
					   "itests/run.sh starts a server");
	ck_assert(str_copy(world->brokers, sizeof(world->brokers), brokers));
	open_database(world);
	make_topics(world);
	return world;
}

static void read_brokers(struct world *world)
{
	char path[PROGRAM_PATH_MAX], line[256] = "";
	FILE *file;

	world_path(world, "kafka/kafka.env", path);
	file = fopen(path, "re");
	ck_assert_msg(file && fgets(line, sizeof(line), file),
		      "'%s' names no broker", path);
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
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
	bool start = !strcmp(verb, "start");

	world_path(world, "kafka", path);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	world_run(world, PATIENCE_MS,
		  world_command(world, "infra/kafka/kafka.sh", verb, path,
				start ? "--watch-pid" : NULL, pid, NULL));
	if (start)
		read_brokers(world);
}

struct world *world_new_with_kafka(const char *name)
{
	struct world *world = begin(name);

	world->own_kafka = true;
	world_kafka(world, "start");
	open_database(world);
	make_topics(world);
	return world;
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

static struct program *program_free(struct program *program)
{
	struct program *next = program->next;

	for (size_t i = 0; program->argv[i]; i++)
		free(program->argv[i]);
	free((void *)(uintptr_t)program->argv);
	for (char **setting = program->settings; *setting; setting++)
		free(*setting);
	free(program->settings);
	free(program);
	return next;
}

/* The file tells which topics are of no use any more; of a Kafka of its own
 * there are none. */
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
	struct buf name = { 0 };

	db_text(world->db, &name, "SELECT current_database()::text");
	world->db = db_free(world->db);
	admin = db_new(base, NULL);
	db_insist(admin, "DROP DATABASE %s WITH (FORCE)", name.p);
	buf_deinit(&name);
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
	drop_database(world);
	mark_passed(world);
	while (world->programs)
		world->programs = program_free(world->programs);
	buf_deinit(&faults);
	free(world);
	return NULL;
}
