/* SPDX-License-Identifier: MIT */
/*
 * Engine open: everything a worker needs, in order of need, and its end.
 * Health is here too: what /livez, /readyz and /startupz mean.
 */
#include "workers/runtime/engine/engine.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/counters.h"

/* A job has deadlines of its own; one that outlives them all is stuck. */
#define STUCK_MS 120000
#define CLOSE_MAX_S 15
#define LARGE_BLOCK_BYTES (1 << 20)
#define FREE_MAX_BYTES (16 << 20)
#define TROUBLE_LINES_A_SECOND 20
/* Of what the group's consumer fetches ahead, for lanes that are far behind. */
#define CATCH_UP_SHARE 4
/* The runtime's own need of the schema `control`: lanes, heartbeats. */
#define CONTROL_NEEDED INT64_C(9)

/* ---- health ---- */

static const char *check_live(void *arg)
{
	const struct engine *engine = arg;

	if (engine->job != DB_JOB_NONE &&
	    clock_now_ms() - engine->job_since_ms > STUCK_MS)
		return "the database thread is stuck";
	return NULL;
}

const char *engine_not_ready(void *arg)
{
	struct engine *engine = arg;

	if (engine->draining)
		return "draining";
	if (engine->backoff.on)
		return engine->backoff.reason;
	if (!engine->connected)
		return "no session with the database yet";
	if (!assignments_joined(engine->assignments))
		return "not a member of the group yet";
	if (publisher_away(engine->publisher))
		return "no broker can be reached";
	if (engine->deliveries.on)
		return engine->deliveries.reason;
	return assignments_not_ready(engine->assignments);
}

static const char *check_started(void *arg)
{
	const struct engine *engine = arg;

	return engine->started ? NULL
			       : "the database and the group were not both "
				 "seen yet";
}

/* ---- names ---- */

static const char *version_of(const struct runtime_conf *conf)
{
	return *conf->version ? conf->version : version_of_build;
}

/* Unique to the process: a restarted one is another holder. */
static void name_holder(struct engine *engine)
{
	char host[24] = "";
	uint32_t random = 0;

	(void)gethostname(host, sizeof(host) - 1);
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	(void)snprintf(engine->holder, sizeof(engine->holder),
		       "%.10s.%.8s/%s/%d/%04x", engine->ops->service,
		       engine->conf->colour, host, (int)getpid(),
		       random & 0xffff);
}

static int name_all(struct engine *engine)
{
	const struct worker_ops *ops = engine->ops;
	const struct runtime_conf *conf = engine->conf;
	/* What does not fit here fits no name of a topic either. */
	char suffix[TOPIC_NAME_BYTES + 1];

	(void)snprintf(suffix, sizeof(suffix), "%s%s", conf->suffix,
		       conf->write_suffix);
	if (topic_names_init(&engine->topic_names, conf->suffix) ||
	    topic_names_init(&engine->written_names, suffix)) {
		log_error("TOPIC-SUFFIX", "'%s' makes names of topics too long",
			  suffix);
		return -EINVAL;
	}
	name_holder(engine);
	(void)snprintf(engine->group, sizeof(engine->group), "%s.%s%s",
		       ops->service, conf->colour, suffix);
	engine->identity = (struct identity){
		.service = ops->service,
		.colour = conf->colour,
		.holder = engine->holder,
		.group = engine->group,
		.n_topics = ops->n_topics,
	};
	for (size_t i = 0; i < ops->n_topics; i++) {
		engine->identity.topics[i] = &topic_table[ops->topics[i]];
		engine->identity.topic_names[i] =
			engine->topic_names.of[ops->topics[i]];
	}
	return 0;
}

/* ---- opening ---- */

static void log_trouble(void *arg, const char *what)
{
	struct engine *engine = arg;

	/* The client says some things of each partition, again and again. */
	if (log_limit_pass(&engine->trouble_lines, "trouble with Kafka"))
		log_warn("KAFKA-TROUBLE", "%s", what);
}

static void own_delivered(void *arg, uint64_t token)
{
	struct engine *engine = arg;

	engine->ops->task->delivered(engine->arg, token);
}

static int open_probe(struct engine *engine)
{
	static const char hint[] = "HINT: PROBE_ADDR says where";
	static struct probe_checks checks;
	int r;

	checks = (struct probe_checks){
		.live = check_live,
		.ready = engine_not_ready,
		.started = check_started,
		.arg = engine,
	};
	r = probe_new(&engine->probe, engine->loop, engine->conf->probe,
		      engine->conf->probe_port_file, &checks);
	if (r)
		log_error("PROBE-ADDRESS", "cannot listen on '%s': %s (%s)",
			  engine->conf->probe, strerror(errno), hint);
	return r ? -EADDRINUSE : 0;
}

static struct kafka_in_params consumer_params(struct engine *engine)
{
	return (struct kafka_in_params){
		.brokers = engine->conf->brokers,
		.client_id = engine->holder,
		.group = engine->group,
		.instance_id = engine->conf->instance,
		.topics = engine->identity.topic_names,
		.n_topics = engine->identity.n_topics,
		.queue_max = engine->budget.fetched_max,
		.queue_max_kbytes = engine->budget.fetched_kbytes,
		.fetch_bytes = engine->budget.fetch_bytes,
		.session_timeout_ms = engine->conf->session_timeout_ms,
		.assigned = engine_assigned,
		.revoked = engine_revoked,
		.trouble = log_trouble,
		.marks = true,
		.arg = engine,
		.loop = engine->loop,
	};
}

static int open_consumer(struct engine *engine)
{
	struct kafka_in_params params = consumer_params(engine);

	return kafka_in_new(&engine->in, &params);
}

static int open_publisher(struct engine *engine)
{
	const struct runtime_conf *conf = engine->conf;
	const struct budget *budget = &engine->budget;
	struct publisher_params params = {
		.brokers = conf->brokers,
		.client_id = engine->holder,
		.names = &engine->written_names,
		.group = engine->group,
		.linger_ms = conf->linger_ms,
		/* What waits, and what the batch in hand adds. */
		.queue_max = (int64_t)(budget->facts_max * 2 +
				       budget->batch_max * 64),
		.loop = engine->loop,
		.assignments = assignments_all(engine->assignments),
		.topics = engine->identity.topics,
		.delivered = own_delivered,
		.arg = engine,
	};

	return publisher_new(&engine->publisher, &params);
}

static void open_assignments(struct engine *engine)
{
	struct kafka_in_params catch_up = consumer_params(engine);

	/* It adds little to what is fetched ahead. */
	catch_up.group = catch_up.instance_id = NULL;
	catch_up.queue_max /= CATCH_UP_SHARE;
	catch_up.queue_max_kbytes /= CATCH_UP_SHARE;
	catch_up.fetch_bytes /= CATCH_UP_SHARE;
	engine->assignments =
		assignments_new(engine->in, &engine->identity, &catch_up);
	counters_collect(assignments_collect, engine->assignments);
}

static void open_batches(struct engine *engine)
{
	engine->batches = batches_new(&(struct batches_params){
		.ops = engine->ops,
		.arg = engine->arg,
		.budget = &engine->budget,
		.batch_ms = engine->conf->batch_ms,
		.identity = &engine->identity,
		.in = engine->in,
		.assignments = engine->assignments,
		.publisher = engine->publisher,
	});
}

static void prepare_args(struct engine *engine)
{
	const struct worker_ops *ops = engine->ops;
	struct db_job_args *args = engine->args;

	args->session = (struct session_params){
		.url = engine->conf->database,
		.schema = engine->conf->schema,
		.holder = engine->holder,
		.schema_version = ops->schema_version,
		.control_version = ops->control_version > CONTROL_NEEDED
					   ? ops->control_version
					   : CONTROL_NEEDED,
	};
	args->identity = &engine->identity;
	args->ops = ops;
	args->arg = engine->arg;
	args->lanes = assignments_lanes(engine->assignments);
	args->heartbeat.version = version_of(engine->conf);
	args->heartbeat.schema = engine->conf->schema;
	args->heartbeat.instance = engine->conf->instance;
	args->heartbeat.started_at_ms = clock_wall_ms();
	args->transaction.ops = ops;
	args->transaction.arg = engine->arg;
	args->transaction.identity = &engine->identity;
}

/* Poison must have somewhere to go before the first of it comes. */
static int check_topics(const struct worker_ops *ops)
{
	for (size_t i = 0; i < ops->n_topics; i++) {
		const struct topic *topic = &topic_table[ops->topics[i]];

		if (topic_dlq(topic))
			continue;
		log_error("NO-DEAD-LETTERS",
			  "topic '%s' is read, and has no '%s.dlq' (a row of "
			  "schemas/topics.def)",
			  topic->name, topic->name);
		return -EINVAL;
	}
	return 0;
}

static void open_log(struct engine *engine)
{
	const struct runtime_conf *conf = engine->conf;

	log_init(&(struct log_params){
		.out = stdout,
		.program = engine->ops->service,
		.version = version_of(conf),
		.colour = conf->colour,
		.level = log_level_of(conf->log_level),
	});
	counters_init(version_of(conf), conf->colour);
	runtime_counters_register();
}

static int open_all(struct engine *engine)
{
	int r = loop_new(&engine->loop);

	if (r)
		return r;
	engine->signals[0] =
		loop_signal(engine->loop, SIGTERM, engine_drain, engine);
	engine->signals[1] =
		loop_signal(engine->loop, SIGINT, engine_leave, engine);
	r = open_probe(engine);
	if (!r)
		r = work_new(&engine->work, engine->loop);
	if (!r && engine->ops->task)
		r = engine->ops->task->open(engine->arg, engine->loop);
	if (!r)
		r = open_consumer(engine);
	if (r)
		return r;
	open_assignments(engine);
	prepare_args(engine);
	r = open_publisher(engine);
	if (!r)
		open_batches(engine);
	return r;
}

/*
 * Thousands of headers and messages of ours live at once, and each large
 * block that is freed would sweep all the small ones that were freed before
 * it: a fifth of a worker's time under load. An answer to a fetch is such a
 * block: it comes from what is free, not from new pages each time. Free memory
 * goes back when the worker is idle (give_memory_back()). A client's threads
 * share one arena, so that little is held for nobody.
 */
static void tune_malloc(void)
{
	(void)mallopt(M_MXFAST, 0);
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, FREE_MAX_BYTES);
}

int engine_open(struct engine **ret, const struct worker_ops *ops, void *arg,
		const struct runtime_conf *conf)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));
	int r;

	engine->ops = ops;
	engine->arg = arg;
	engine->conf = conf;
	engine->budget = budget_of(conf->memory_max_mib, conf->batch_max);
	engine->trouble_lines.a_second = TROUBLE_LINES_A_SECOND;
	engine->args = xcalloc(1, sizeof(*engine->args));
	tune_malloc();
	(void)signal(SIGPIPE, SIG_IGN);
	open_log(engine);
	r = check_topics(ops);
	if (!r)
		r = name_all(engine);
	if (!r)
		r = open_all(engine);
	if (r) {
		engine->result = r;
		engine_close(engine);
		return r;
	}
	if (!POSITIONS_MOVE)
		log_warn("AT-LEAST-ONCE",
			 "this build is for the bench alone: after a restart "
			 "it may decide orders again");
	log_info("START", "holder '%s', group '%s'", engine->holder,
		 engine->group);
	*ret = engine;
	return 0;
}

static volatile sig_atomic_t leaves_with;

static void give_up(int signal)
{
	(void)signal;
	_exit(leaves_with);
}

void engine_close(struct engine *engine)
{
	/* The database is clean by now; a client library that hangs while it
	 * closes is left behind (2.0.2's does when a topic was deleted). */
	leaves_with = engine->result ? 1 : 0;
	(void)signal(SIGALRM, give_up);
	(void)alarm(CLOSE_MAX_S);
	/* A job that hangs keeps what it works on: so does the process then,
	 * for the moment that is left of it. */
	if (engine->work && engine->job != DB_JOB_NONE)
		_exit(1);
	/* The consumer does not go while records of it are in hand. */
	if (engine->batches)
		batches_drop_all(engine->batches);
	engine->in = kafka_in_free(engine->in);
	if (engine->assignments)
		assignments_close(engine->assignments);
	if (engine->ops->task)
		engine->ops->task->close(engine->arg);
	engine->work = work_free(engine->work);
	engine->publisher = publisher_free(engine->publisher);
	engine->probe = probe_free(engine->probe);
	for (size_t i = 0; i < 2; i++)
		engine->signals[i] = loop_source_free(engine->signals[i]);
	engine->loop = loop_free(engine->loop);
	engine->batches = batches_free(engine->batches);
	engine->assignments = assignments_free(engine->assignments);
	lanes_deinit(&engine->args->positions.lanes);
	buf_deinit(&engine->args->heartbeat.troubles);
	buf_deinit(&engine->args->heartbeat.counters);
	free(engine->args);
	free(engine);
}
