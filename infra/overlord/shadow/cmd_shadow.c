/* SPDX-License-Identifier: MIT */
/*
 * Shadow: a candidate version decides the live orders beside the live one, and
 * changes nothing of it; diff says where the two decided differently, and
 * whether another order of events explains it. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/shadow/shadow.h"

#define LOOK_EVERY_MS 50

enum { CANDIDATES_MAX = 16, STEPS_MAX = N_TOPICS + CANDIDATES_MAX + 5 };

struct run;
typedef int (*step_fn)(struct run *run, size_t i);

struct run {
	struct shadow shadow;
	struct plan plan;
	/* One for each of the plan's. */
	struct {
		step_fn fn;
		enum topic_id topic;
		char holder[128];
	} steps[STEPS_MAX];
};

static void run_deinit(struct run *run)
{
	plan_deinit(&run->plan);
	shadow_close(&run->shadow);
}

/* @then NULL: there is nothing to do. */
static void add_step(struct run *run, step_fn fn, const char *what,
		     const char *now, const char *then)
{
	run->steps[run->plan.n_steps].fn = fn;
	plan_add(&run->plan, what, now, then);
}

/* Done, then its row of the audit. */
static int do_step(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;
	struct verb *verb = run->shadow.verb;
	const struct plan_step *step = &run->plan.steps[i];
	struct buf what = { 0 };
	int r = run->steps[i].fn(run, i);

	if (r)
		return r;
	buf_text(&what, "{");
	buf_json_pair(&what, "shadow", text_of(step->what));
	buf_add(&what, "}", 2);
	plan_audit(verb, &sql_audit_texts, what.p, step->now, step->then);
	r = verb_send(verb, "audit");
	buf_deinit(&what);
	*ret = r ? PLAN_UNKNOWN : PLAN_CONFIRMED;
	return r;
}

/* ---- start ---- */

static int make_schema(struct run *run, size_t i)
{
	(void)i;
	return shadow_make_schema(&run->shadow);
}

static int make_role(struct run *run, size_t i)
{
	(void)i;
	return shadow_make_role(&run->shadow);
}

static int make_topic(struct run *run, size_t i)
{
	return shadow_make_topic(&run->shadow, run->steps[i].topic);
}

static int allow(struct run *run, size_t i)
{
	(void)i;
	return shadow_allow(&run->shadow);
}

static int copy(struct run *run, size_t i)
{
	(void)i;
	return shadow_copy(&run->shadow);
}

/* What a shadow of another service would do to the world. */
static int check_service(const char *service)
{
	if (!strcmp(service, SHADOW_SERVICE))
		return 0;
	if (!strcmp(service, "jafflr"))
		return verb_failed(
			"a jafflr is tried at a demo stall, or as a canary",
			"'jafflr' has no shadow: it drives grills, and what it "
			"makes cannot be made a second time");
	return verb_failed(NULL,
			   "'%s' has no shadow: only '" SHADOW_SERVICE
			   "' can have one",
			   service);
}

/* DIR/SERVICE, by its whole path. */
static int find_program(struct shadow *shadow, const char *dir,
			const char *service)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, service);
	if (access(path, X_OK) || !realpath(path, shadow->program))
		return verb_failed("--from is a folder of programs, such as "
				   "build/rel/bin",
				   "'%s' is no program: %s", path,
				   strerror(errno));
	return 0;
}

static int plan_copy(struct run *run)
{
	struct verb *verb = run->shadow.verb;
	int i = verb_add(verb, &sql_shadow_sizes, NULL);
	int r = verb_send(verb, "sizes");
	char now[160];

	if (r)
		return r;
	(void)snprintf(now, sizeof(now),
		       "%" PRId64 " ingredients, about %" PRId64
		       " orders, %" PRId64 " records decided",
		       pg_i64(verb->pg, i, 0, 0), pg_i64(verb->pg, i, 0, 1),
		       pg_i64(verb->pg, i, 0, 2));
	add_step(run, copy, "copy of stock, orders and positions", now,
		 "the same in the shadow, at one cut");
	return 0;
}

static int plan_start(struct run *run)
{
	struct shadow *shadow = &run->shadow;
	char what[80];

	add_step(run, make_schema, "schema " SHADOW_SCHEMA, "missing",
		 "the services' tables, empty");
	(void)snprintf(what, sizeof(what), "role %s", shadow->role);
	add_step(run, make_role, what,
		 shadow->role_is_there ? "it is there" : "missing",
		 "may write in " SHADOW_SCHEMA " alone");
	for (size_t i = 0; i < N_TOPICS; i++) {
		if (!*shadow->topics[i])
			continue;
		run->steps[run->plan.n_steps].topic = topic_table[i].id;
		add_step(run, make_topic, shadow->topics[i],
			 shadow->topic_is_there[i] ? "it is there" : "missing",
			 shadow->topic_is_there[i] ? NULL : "as declared");
	}
	add_step(
		run, allow, "access of " SHADOW_PRINCIPAL, "",
		"where brokers keep ACLs: reads the live topics, writes these");
	return plan_copy(run);
}

int cmd_shadow_start(struct verb *verb)
{
	const char *service = verb->options.operands[0];
	struct run run = { 0 };
	int r;

	if (!verb->options.from)
		return verb_usage(verb, "start wants --from, the folder of the "
					"candidate");
	r = check_service(service);
	if (!r)
		r = shadow_open(&run.shadow, verb);
	if (!r)
		r = find_program(&run.shadow, verb->options.from, service);
	if (!r && run.shadow.schema)
		r = verb_failed("overlord shadow stop --execute ends it",
				"there is a shadow already, in schema "
				"'" SHADOW_SCHEMA "'");
	if (!r)
		r = shadow_open_topics(&run.shadow);
	if (!r)
		r = plan_start(&run);
	/* What is left half made goes with a stop. */
	run.plan.killable = true;
	if (!r)
		r = plan_run(&run.plan, verb, do_step, &run);
	if (!r && verb->options.execute)
		out_hint("overlord shadow run starts the candidate, overlord "
			 "shadow diff compares");
	run_deinit(&run);
	return r;
}

/* ---- run ---- */

/* Decisions of two would not follow one another, which diff relies on. */
static int check_alone(struct verb *verb)
{
	int i = verb_add(verb, &sql_shadow_holders, NULL);
	int r = verb_send(verb, "heartbeats");

	if (r || !pg_n_rows(verb->pg, i))
		return r;
	return verb_failed("end it; one that died counts for 10 s",
			   "a candidate runs already: '%s'",
			   verb_cell(verb, i, 0, 0));
}

int cmd_shadow_run(struct verb *verb)
{
	struct shadow shadow;
	int r = shadow_open(&shadow, verb);

	if (!r)
		r = shadow_need(&shadow);
	if (!r)
		r = check_alone(verb);
	if (!r)
		r = shadow_run(&shadow);
	shadow_close(&shadow);
	return r;
}

/* ---- stop ---- */

/* A holder is SERVICE.COLOUR/HOST/PID/RANDOM. 0: it runs on another host, or
 * has gone and its number is another program's. */
static pid_t pid_here(const char *holder)
{
	char host[65] = "", theirs[65], link[64], program[4096];
	int64_t pid;
	ssize_t n;

	(void)gethostname(host, sizeof(host) - 1);
	if (sscanf(holder, "%*[^/]/%64[^/]/%" SCNd64, theirs, &pid) != 2 ||
	    strcmp(host, theirs) != 0)
		return 0;
	(void)snprintf(link, sizeof(link), "/proc/%" PRId64 "/exe", pid);
	n = readlink(link, program, sizeof(program) - 1);
	if (n <= 0)
		return 0;
	program[n] = '\0';
	return strstr(program, "/" SHADOW_SERVICE) ? (pid_t)pid : 0;
}

static int end_candidate(struct run *run, size_t i)
{
	int64_t timeout_ms = run->shadow.verb->conf.timeout_ms;
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	const char *holder = run->steps[i].holder;
	pid_t pid = pid_here(holder);
	const struct timespec look = { .tv_nsec = LOOK_EVERY_MS * 1000000 };

	if (!pid)
		return verb_failed("end it there; 10 s later it counts as gone",
				   "'%s' runs on another host", holder);
	if (kill(pid, SIGTERM))
		return verb_failed(NULL, "'%s' cannot be ended: %s", holder,
				   strerror(errno));
	while (pid_here(holder) && clock_left_ms(deadline_at_ms))
		(void)nanosleep(&look, NULL);
	if (!pid_here(holder))
		return 0;
	return verb_failed("kill it",
			   "'%s' has not ended within %" PRId64 " ms", holder,
			   timeout_ms);
}

static int drop_schema(struct run *run, size_t i)
{
	struct verb *verb = run->shadow.verb;

	(void)i;
	/* Nobody who is in its way may work there any more. */
	(void)verb_add(verb, &sql_shadow_end_sessions,
		       VALUES(value_text(run->shadow.role)));
	i = (size_t)verb_send(verb, "sessions of the shadow");
	return i ? (int)i
		 : verb_exec(verb, "DROP SCHEMA " SHADOW_SCHEMA " CASCADE",
			     SHADOW_SCHEMA);
}

static int drop_role(struct run *run, size_t i)
{
	char sql[512];

	(void)i;
	(void)snprintf(sql, sizeof(sql), "DROP OWNED BY %s; DROP ROLE %s",
		       run->shadow.role_quoted, run->shadow.role_quoted);
	return verb_exec(run->shadow.verb, sql, run->shadow.role);
}

static int delete_topic(struct run *run, size_t i)
{
	struct shadow *shadow = &run->shadow;
	const char *name = shadow->topics[run->steps[i].topic];
	int r = kafka_admin_delete(shadow->admin, name);

	return r ? verb_kafka_failed(shadow->verb, r, shadow->admin, name) : 0;
}

static int disallow(struct run *run, size_t i)
{
	(void)i;
	return shadow_disallow(&run->shadow);
}

static int delete_group(struct run *run, size_t i)
{
	struct shadow *shadow = &run->shadow;
	int r = kafka_admin_delete_group(shadow->admin, shadow->group);

	(void)i;
	return r ? verb_kafka_failed(shadow->verb, r, shadow->admin,
				     shadow->group)
		 : 0;
}

static int plan_candidates(struct run *run)
{
	struct verb *verb = run->shadow.verb;
	int i = verb_add(verb, &sql_shadow_holders, NULL);
	int r = verb_send(verb, "heartbeats");

	if (r)
		return r;
	if (pg_n_rows(verb->pg, i) > CANDIDATES_MAX)
		return verb_failed(NULL, "more than %d candidates run",
				   CANDIDATES_MAX);
	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		const char *holder = verb_cell(verb, i, row, 0);

		(void)str_copy(run->steps[run->plan.n_steps].holder,
			       sizeof(run->steps[0].holder), holder);
		add_step(run, end_candidate, holder, "runs", "ended");
	}
	return 0;
}

static int plan_stop(struct run *run)
{
	struct shadow *shadow = &run->shadow;
	char what[TOPIC_NAME_BYTES + 64];
	int r = shadow->schema ? plan_candidates(run) : 0;

	if (r)
		return r;
	add_step(run, drop_schema, "schema " SHADOW_SCHEMA,
		 shadow->schema ? "it is there" : "missing",
		 shadow->schema ? "dropped" : NULL);
	(void)snprintf(what, sizeof(what), "role %s", shadow->role);
	add_step(run, drop_role, what,
		 shadow->role_is_there ? "it is there" : "missing",
		 shadow->role_is_there ? "dropped" : NULL);
	for (size_t i = 0; i < N_TOPICS; i++) {
		if (!*shadow->topics[i])
			continue;
		run->steps[run->plan.n_steps].topic = topic_table[i].id;
		add_step(run, delete_topic, shadow->topics[i],
			 shadow->topic_is_there[i] ? "it is there" : "missing",
			 shadow->topic_is_there[i] ? "deleted" : NULL);
	}
	add_step(run, disallow, "access of " SHADOW_PRINCIPAL, "",
		 shadow->schema ? "none, where brokers keep ACLs" : NULL);
	(void)snprintf(what, sizeof(what), "group %s", shadow->group);
	add_step(run, delete_group, what, "",
		 shadow->schema ? "deleted" : NULL);
	return 0;
}

int cmd_shadow_stop(struct verb *verb)
{
	struct run run = { 0 };
	int r = shadow_open(&run.shadow, verb);

	if (!r)
		r = shadow_open_topics(&run.shadow);
	if (!r)
		r = plan_stop(&run);
	if (!r)
		r = plan_run(&run.plan, verb, do_step, &run);
	run_deinit(&run);
	return r;
}

/* ---- diff ---- */

static void put_summary(struct out *out, const struct verb *verb, int i,
			int64_t n_wrong, int64_t n_interleaved)
{
	out_row(out);
	out_cell(out, "%" PRId64, pg_i64(verb->pg, i, 0, 0));
	out_cell(out, "%" PRId64, n_interleaved);
	out_cell(out, "%" PRId64, n_wrong);
	out_cell(out, "%" PRId64, pg_i64(verb->pg, i, 0, 1));
	out_cell(out, "%" PRId64, pg_i64(verb->pg, i, 0, 2));
}

/* Columns of sql_shadow_differences. */
enum { WHAT, ID, PLACE, LIVE, SHADOW, WRONG, WHY, N_WRONG, N_INTERLEAVED };

static void say_first(const struct verb *verb, int i)
{
	if (!pg_n_rows(verb->pg, i) || !pg_bool(verb->pg, i, 0, WRONG))
		return;
	out_say("the first wrong decision: %s %s at %s: live '%s', shadow "
		"'%s': %s",
		verb_cell(verb, i, 0, WHAT), verb_cell(verb, i, 0, ID),
		verb_cell(verb, i, 0, PLACE), verb_cell(verb, i, 0, LIVE),
		verb_cell(verb, i, 0, SHADOW), verb_cell(verb, i, 0, WHY));
}

static int print_diff(struct verb *verb, int summary, int differences)
{
	static const struct out_column sums[] = {
		{ "compared", OUT_NUMBER }, { "interleaved", OUT_NUMBER },
		{ "wrong", OUT_NUMBER },    { "behind", OUT_NUMBER },
		{ "running", OUT_NUMBER },  { NULL, 0 },
	};
	static const struct out_column columns[] = {
		{ "what", OUT_TEXT },   { "id", OUT_TEXT },
		{ "place", OUT_TEXT },  { "live", OUT_TEXT },
		{ "shadow", OUT_TEXT }, { "wrong", OUT_BOOL },
		{ "why", OUT_TEXT },    { NULL, 0 },
	};
	bool json = verb->options.json;
	CLEANUP(out_freep) struct out *sum = out_new("shadow", json, sums);
	CLEANUP(out_freep)
	struct out *list = out_new("differences", json, columns);
	int64_t n_wrong = 0, n_interleaved = 0;
	int r;

	if (pg_n_rows(verb->pg, differences)) {
		n_wrong = pg_i64(verb->pg, differences, 0, N_WRONG);
		n_interleaved = pg_i64(verb->pg, differences, 0, N_INTERLEAVED);
	}
	put_summary(sum, verb, summary, n_wrong, n_interleaved);
	out_rows(list, verb->pg, differences);
	r = out_print_two(sum, list);
	if (!pg_i64(verb->pg, summary, 0, 0))
		out_say("no order was decided by both yet");
	say_first(verb, differences);
	return r ? r : n_wrong ? VERB_E_FAILED : 0;
}

int cmd_shadow_diff(struct verb *verb)
{
	struct shadow shadow;
	int summary, differences, r = shadow_open(&shadow, verb);

	if (!r)
		r = shadow_need(&shadow);
	if (!r)
		r = verb_exec(verb,
			      "BEGIN ISOLATION LEVEL REPEATABLE READ; "
			      "SET LOCAL statement_timeout = '50s'",
			      "begin");
	if (r)
		return r;
	summary = verb_add(verb, &sql_shadow_summary, NULL);
	differences = verb_add(verb, &sql_shadow_differences,
			       VALUES(value_i64(verb->options.limit)));
	r = verb_send(verb, "differences");
	return r ? r : print_diff(verb, summary, differences);
}
