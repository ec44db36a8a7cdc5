/* SPDX-License-Identifier: MIT */
/* Unit: what decide.h says, done to a process. */
#include "infra/overlord/agent/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/agent/artifact.h"

/* How often a program is asked whether it is ready. */
#define ASK_STARTING_MS 20
#define ASK_UNREADY_MS 200
#define ASK_READY_MS 1000
#define ASK_TIMEOUT_MS 2000

enum { PATH_BYTES = 1400 };

/* What is not a worker. A grill has no /readyz: one that has written its
 * address listens. */
static const struct {
	const char *service;
	int layer;
	bool says_address;
} programs[] = { { "grillsim", 0, true }, { "storefront", 2, false } };

enum { LAYER_WORKERS = 1 };

static int row_of(const struct unit *unit)
{
	for (int i = 0; i < (int)(sizeof(programs) / sizeof(programs[0])); i++)
		if (!strcmp(unit->instance.service, programs[i].service))
			return i;
	return -1;
}

int unit_layer(const struct unit *unit)
{
	int row = row_of(unit);

	return row < 0 ? LAYER_WORKERS : programs[row].layer;
}

static const char *path_of(char ret[PATH_BYTES], const struct unit *unit,
			   const struct unit_place *place, const char *folder,
			   const char *suffix)
{
	(void)snprintf(ret, PATH_BYTES, "%s/%s/%s%s", place->dir, folder,
		       unit->name, suffix);
	return ret;
}

int unit_prepare(const struct unit_place *place)
{
	static const char *const folders[] = { "", "/log", "/pid", "/probe" };
	char path[PATH_BYTES];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", place->dir,
			       folders[i]);
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

struct unit *unit_new(const char *service, const char *colour, int64_t number)
{
	struct unit *unit = xcalloc(1, sizeof(*unit));
	struct instance *instance = &unit->instance;

	(void)str_copy(instance->service, sizeof(instance->service), service);
	(void)str_copy(instance->colour, sizeof(instance->colour), colour);
	instance->number = number;
	unit->process.fd = -1;
	(void)snprintf(unit->name, sizeof(unit->name), "%.60s.%.50s-%" PRId64,
		       service, colour, number);
	return unit;
}

struct unit *unit_free(struct unit *unit)
{
	if (!unit)
		return NULL;
	ready_end(&unit->ready);
	unit->end = loop_source_free(unit->end);
	process_leave(&unit->process);
	free(unit);
	return NULL;
}

/* A process that ends wakes the loop; the agent's next turn takes note. */
static void ended(void *arg)
{
	struct unit *unit = arg;

	unit->end = loop_source_free(unit->end);
}

static void watch(struct unit *unit, const struct unit_place *place)
{
	unit->end = loop_readable(place->loop, unit->process.fd, ended, unit);
	unit->ask_at_ms = 0;
	unit->n_changes++;
}

/* ---- adopting ---- */

/* "chillybin.blue-1" in its parts. */
static struct unit *unit_of_name(const char *name)
{
	const char *dot = strchr(name, '.'), *dash = strrchr(name, '-');
	char service[64], colour[64];
	int64_t number;

	if (!dot || !dash || dash < dot ||
	    str_to_i64(&number, dash + 1, 1, 999) ||
	    !str_n_copy(service, sizeof(service), name, (size_t)(dot - name)) ||
	    !str_n_copy(colour, sizeof(colour), dot + 1,
			(size_t)(dash - dot - 1)))
		return NULL;
	return unit_new(service, colour, number);
}

static bool adopt(struct unit *unit, const struct unit_place *place,
		  int64_t now_ms)
{
	struct instance *instance = &unit->instance;
	char path[PATH_BYTES], note[256];
	struct text rest, digest;

	if (!process_adopt(&unit->process,
			   path_of(path, unit, place, "pid", ""), note,
			   sizeof(note))) {
		(void)unlink(path);
		return false;
	}
	rest = text_of(note);
	digest = text_cut(&rest, ' ');
	(void)str_n_copy(instance->digest, sizeof(instance->digest), digest.p,
			 digest.n);
	(void)text_to_i64(&instance->generation, rest, 0, INT64_MAX);
	instance->started_ms = now_ms;
	instance_enter(instance, INSTANCE_STARTING, now_ms);
	watch(unit, place);
	log_info("ADOPTED", "%s runs, process %d", unit->name,
		 (int)unit->process.pid);
	return true;
}

int unit_adopt_all(const struct unit_place *place,
		   void (*fn)(void *arg, struct unit *unit), void *arg,
		   int64_t now_ms)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/pid", place->dir);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		struct unit *unit = unit_of_name(entry->d_name);

		if (unit && adopt(unit, place, now_ms))
			fn(arg, unit);
		else
			(void)unit_free(unit);
	}
	(void)closedir(dir);
	return 0;
}

/* ---- starting ---- */

static uint32_t random_number(void)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return random;
}

/* NAME=value, in place of another value of the name. */
static void put_setting(char **environment, size_t *n, const char *name,
			const char *value)
{
	size_t n_name = strlen(name), i = 0;
	struct buf setting = { 0 };

	while (i < *n && (strncmp(environment[i], name, n_name) != 0 ||
			  environment[i][n_name] != '='))
		i++;
	buf_printf(&setting, "%s=%s", name, value);
	buf_add(&setting, "", 1);
	if (i == *n)
		(*n)++;
	else
		free(environment[i]);
	environment[i] = setting.p;
}

/* The agent's own environment, what every program gets, and the settings of
 * its deployment, which win. Ends with NULL. */
static char **environment_of(const struct unit *unit,
			     const struct deployment *deployment,
			     const char *port_file)
{
	enum { OURS = 8 };
	json_t *settings = json_loads(deployment->settings, 0, NULL), *value;
	size_t n = 0, n_outer = 0;
	const char *name;
	char **ret;

	while (environ[n_outer])
		n_outer++;
	ret = xcalloc(n_outer + OURS + json_object_size(settings) + 1,
		      sizeof(*ret));
	put_setting(ret, &n, "PROBE_ADDR", "127.0.0.1:0");
	for (size_t i = 0; i < n_outer; i++) {
		char *copy = xstrdup(environ[i]);
		char *equals = strchr(copy, '=');

		if (equals) {
			*equals = '\0';
			put_setting(ret, &n, copy, equals + 1);
		}
		free(copy);
	}
	put_setting(ret, &n, "COLOUR", unit->instance.colour);
	put_setting(ret, &n, "INSTANCE_ID", unit->name);
	put_setting(ret, &n, "PROBE_PORT_FILE", port_file);
	put_setting(ret, &n, "ADDR_FILE", port_file);
	json_object_foreach(settings, name, value)
		put_setting(ret, &n, name, json_string_value(value) ?: "");
	json_decref(settings);
	return ret;
}

static int start(struct unit *unit, const struct unit_place *place,
		 const struct deployment *deployment, const char *program)
{
	struct instance *instance = &unit->instance;
	char log[PATH_BYTES], pid[PATH_BYTES], port[PATH_BYTES], note[160];
	char **environment;
	int r;

	(void)unlink(path_of(port, unit, place, "probe", ".port"));
	(void)snprintf(note, sizeof(note), "%s %" PRId64, instance->digest,
		       instance->generation);
	environment = environment_of(unit, deployment, port);
	r = process_start(
		&unit->process,
		&(struct process_params){
			.path = program,
			.environment = environment,
			.log = path_of(log, unit, place, "log", ".log"),
			.pid_file = path_of(pid, unit, place, "pid", ""),
			.note = note,
			.bound = place->bound,
		});
	for (char **setting = environment; *setting; setting++)
		free(*setting);
	free(environment);
	return r;
}

static void cannot_start(struct unit *unit, int64_t now_ms, const char *why)
{
	bool news = strcmp(unit->instance.detail, why) != 0;

	instance_failed(&unit->instance, why, now_ms, random_number());
	unit->n_changes++;
	if (news)
		log_warn("CANNOT-START",
			 "%s cannot be started: %s, will try "
			 "again",
			 unit->name, why);
}

void unit_start(struct unit *unit, const struct unit_place *place,
		const struct deployment *deployment, int64_t now_ms)
{
	struct instance *instance = &unit->instance;
	char program[PATH_BYTES], digest[DIGEST_CHARS + 1];
	char why[AGENT_DETAIL_BYTES] = "";
	int r;

	(void)snprintf(program, sizeof(program), "%s/%s", deployment->dir,
		       deployment->service);
	r = artifact_digest_file(program, digest);
	if (r)
		(void)snprintf(why, sizeof(why), "'%.150s': %s", program,
			       err_text(r));
	else if (strcmp(digest, deployment->digest) != 0)
		(void)snprintf(why, sizeof(why),
			       "'%.100s' has changed since it was deployed: "
			       "its digest is %.12s, not %.12s",
			       program, digest, deployment->digest);
	if (*why) {
		cannot_start(unit, now_ms, why);
		return;
	}
	if (strcmp(instance->digest, digest) != 0)
		instance->crashes = 0;
	(void)str_copy(instance->digest, sizeof(instance->digest), digest);
	instance->generation = deployment->generation;
	r = start(unit, place, deployment, program);
	if (r) {
		cannot_start(unit, now_ms, err_text(r));
		return;
	}
	instance->started_ms = now_ms;
	instance->ready_at_ms = 0;
	instance->detail[0] = '\0';
	instance_enter(instance, INSTANCE_STARTING, now_ms);
	watch(unit, place);
	log_info("STARTED", "%s, version %s, process %d", unit->name,
		 deployment->version, (int)unit->process.pid);
}

/* ---- while it runs ---- */

void unit_drain(struct unit *unit, bool for_good, int64_t now_ms)
{
	ready_end(&unit->ready);
	/* On SIGINT a worker gives its place in the group up at once. */
	process_signal(&unit->process, for_good ? SIGINT : SIGTERM);
	/* One that stands still hears it when it goes on. */
	instance_enter(&unit->instance, INSTANCE_DRAINING, now_ms);
	unit->n_changes++;
	log_info("DRAIN", "%s is asked to leave", unit->name);
}

void unit_kill(struct unit *unit)
{
	process_signal(&unit->process, SIGKILL);
	unit->instance.killed = true;
	log_warn("KILLED", "%s has had its time, it was killed", unit->name);
}

static void note_end(struct unit *unit, const char *how,
		     const struct unit_place *place, const struct rules *rules,
		     int64_t now_ms)
{
	struct instance *instance = &unit->instance;
	char path[PATH_BYTES];
	int64_t pause_ms;

	ready_end(&unit->ready);
	unit->end = loop_source_free(unit->end);
	(void)unlink(path_of(path, unit, place, "pid", ""));
	instance_ended(instance, how, rules, now_ms, random_number());
	unit->n_changes++;
	if (instance->state == INSTANCE_STOPPED) {
		log_info("LEFT", "%s has left (%s)", unit->name, how);
		return;
	}
	pause_ms = instance->backoff.until_ms - now_ms;
	log_warn("CRASHED",
		 "%s ended (%s), will start it again in %" PRId64 " ms; see "
		 "'%s'",
		 unit->name, how, pause_ms > 0 ? pause_ms : 0,
		 path_of(path, unit, place, "log", ".log"));
}

static void hear(struct unit *unit, const char *reason, int64_t now_ms)
{
	enum instance_state before = unit->instance.state;

	instance_heard(&unit->instance, reason, now_ms);
	if (unit->instance.state == before)
		return;
	unit->n_changes++;
	if (*reason)
		log_warn("UNREADY", "%s is not ready: %s", unit->name, reason);
	else
		log_info("READY", "%s is ready after %" PRId64 " ms",
			 unit->name, now_ms - unit->instance.started_ms);
}

static void ask(struct unit *unit, const struct unit_place *place,
		int64_t now_ms)
{
	static const int64_t every_ms[N_INSTANCE_STATES] = {
		[INSTANCE_STARTING] = ASK_STARTING_MS,
		[INSTANCE_READY] = ASK_READY_MS,
		[INSTANCE_UNREADY] = ASK_UNREADY_MS,
	};
	int row = row_of(unit);
	char path[PATH_BYTES];
	uint16_t port;

	port = ready_port(path_of(path, unit, place, "probe", ".port"));
	unit->ask_at_ms = now_ms + every_ms[unit->instance.state];
	if (port && row >= 0 && programs[row].says_address)
		hear(unit, "", now_ms);
	else if (port)
		ready_ask(&unit->ready, place->loop, port, ASK_TIMEOUT_MS);
}

void unit_look(struct unit *unit, const struct unit_place *place,
	       const struct rules *rules, int64_t now_ms)
{
	char reason[READY_REASON_BYTES], how[64];

	if (process_ended(&unit->process, how))
		note_end(unit, how, place, rules, now_ms);
	if (!instance_runs(&unit->instance) ||
	    unit->instance.state == INSTANCE_DRAINING)
		return;
	if (ready_heard(&unit->ready, reason))
		hear(unit, reason, now_ms);
	unit->n_changes += instance_settled(&unit->instance, rules, now_ms);
	if (!unit->ready.asking && now_ms >= unit->ask_at_ms)
		ask(unit, place, now_ms);
}

int64_t unit_wake_at_ms(const struct unit *unit)
{
	const struct instance *instance = &unit->instance;

	switch (instance->state) {
	case INSTANCE_BACKOFF:
		return instance->backoff.until_ms;
	case INSTANCE_STARTING:
	case INSTANCE_READY:
	case INSTANCE_UNREADY:
		return unit->ready.asking ? unit->ready.until_ms
					  : unit->ask_at_ms;
	case INSTANCE_STOPPED:
	case INSTANCE_DRAINING:
	case N_INSTANCE_STATES:
		break;
	}
	return INT64_MAX;
}

void unit_report(const struct unit *unit, struct buf *out, int64_t now_ms)
{
	const struct instance *instance = &unit->instance;
	int64_t left_ms = instance->backoff.until_ms - now_ms;

	buf_text(out, "{");
	buf_json_pair(out, "service", text_of(instance->service));
	buf_json_pair(out, "colour", text_of(instance->colour));
	buf_json_pair_i64(out, "slot", instance->number);
	buf_json_pair(out, "state",
		      text_of(unit->gone
				      ? "gone"
				      : instance_state_names[instance->state]));
	if (unit->process.pid) {
		buf_json_pair_i64(out, "pid", unit->process.pid);
		buf_json_pair_i64(out, "born", unit->process.born);
	}
	buf_json_pair(out, "digest", text_of(instance->digest));
	buf_json_pair_i64(out, "generation", instance->generation);
	buf_json_pair_i64(out, "restarts", instance->restarts);
	buf_json_pair_i64(out, "crashes", instance->crashes);
	if (instance->state == INSTANCE_BACKOFF)
		buf_json_pair_i64(out, "next_try_ms",
				  left_ms > 0 ? left_ms : 0);
	if (*instance->detail && text_is_clean(text_of(instance->detail)))
		buf_json_pair(out, "detail", text_of(instance->detail));
	buf_text(out, "}");
}
