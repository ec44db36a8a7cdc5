/* SPDX-License-Identifier: MIT */
/*
 * Open: everything a worker needs, in order of need, and its end. Health is
 * here too: what /livez, /readyz and /startupz mean.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/version.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/lag.h"
#include "workers/runtime/state.h"
#include "workers/runtime/trouble.h"

/* A job has deadlines of its own; one that outlives them all is stuck. */
#define STUCK_MS 120000
#define CLOSE_MAX_S 15
/* No broker that is well needs so long for a fact. */
#define FACTS_WAIT_MAX_MS 10000
/* The runtime's own need of the schema `control`: lanes, heartbeats. */
#define CONTROL_NEEDED INT64_C(6)

/* ---- health ---- */

static const char *check_live(void *arg)
{
	const struct worker *worker = arg;

	if (worker->job != JOB_NONE &&
	    clock_now_ms() - worker->job_since_ms > STUCK_MS)
		return "the database thread is stuck";
	return NULL;
}

const char *worker_not_ready(struct worker *worker)
{
	if (worker->draining)
		return "draining";
	if (worker->hold.on)
		return worker->hold.reason;
	if (!worker->connected)
		return "no session with the database yet";
	if (!worker->joined)
		return "not a member of the group yet";
	if (publisher_away(worker->publisher))
		return "no broker can be reached";
	if (worker->deliveries.on)
		return worker->deliveries.reason;
	if (worker->unacknowledged_ms > FACTS_WAIT_MAX_MS) {
		(void)snprintf(worker->trouble, sizeof(worker->trouble),
			       "a fact waits for the broker since %d s",
			       (int)(worker->unacknowledged_ms / 1000));
		return worker->trouble;
	}
	if (trouble_first(worker, worker->trouble, sizeof(worker->trouble)))
		return worker->trouble;
	for (size_t i = 0; i < SLOTS_MAX; i++)
		switch (worker->slots[i].state) {
		case SLOT_TAKEN:
			/* There is enough to do, or a short break. */
			if (worker->paused ||
			    reading_goes_on(&worker->slots[i]))
				break;
			return "partitions are being taken over";
		case SLOT_WANTED:
			return "partitions are being taken over";
		case SLOT_FREE:
		case SLOT_READING:
		case SLOT_WARM:
			break;
		}
	return NULL;
}

static const char *check_ready(void *arg)
{
	return worker_not_ready(arg);
}

static const char *check_started(void *arg)
{
	const struct worker *worker = arg;

	return worker->started ? NULL
			       : "the database and the group were not both "
				 "seen yet";
}

/* ---- names ---- */

static const char *version_of(const struct runtime_conf *conf)
{
	return *conf->version ? conf->version : version_of_build;
}

/* Unique to the process: a restarted one is another holder. */
static void name_holder(struct worker *worker)
{
	char host[24] = "";
	uint32_t random = 0;

	(void)gethostname(host, sizeof(host) - 1);
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	(void)snprintf(worker->holder, sizeof(worker->holder),
		       "%.10s.%.8s/%s/%d/%04x", worker->ops->service,
		       worker->conf->colour, host, (int)getpid(),
		       random & 0xffff);
}

static void name_all(struct worker *worker)
{
	const struct worker_ops *ops = worker->ops;
	const struct runtime_conf *conf = worker->conf;

	name_holder(worker);
	(void)snprintf(worker->group, sizeof(worker->group), "%s.%s%s",
		       ops->service, conf->colour, conf->suffix);
	(void)snprintf(worker->producer, sizeof(worker->producer), "%s@%s",
		       ops->service, version_of(conf));
	worker->identity = (struct identity){
		.service = ops->service,
		.colour = conf->colour,
		.holder = worker->holder,
		.n_topics = ops->n_topics,
	};
	for (size_t i = 0; i < ops->n_topics; i++) {
		worker->identity.topics[i] = &topic_table[ops->topics[i]];
		(void)snprintf(worker->topic_names[i], TOPIC_NAME_BYTES, "%s%s",
			       topic_table[ops->topics[i]].name, conf->suffix);
	}
	for (int i = 0; i < SLOTS_MAX; i++) {
		worker->slots[i].topic = i / TOPIC_PARTITIONS;
		worker->slots[i].partition = i % TOPIC_PARTITIONS;
	}
}

/* ---- opening ---- */

static void take_trouble(void *arg, const char *what)
{
	struct worker *worker = arg;

	/* The client tells some things of each partition, again and again. */
	if (log_limit_about(&worker->trouble_lines, NULL, "trouble with Kafka"))
		log_warn("KAFKA-TROUBLE", "%s", what);
}

static void own_delivered(void *arg, uint64_t token)
{
	struct worker *worker = arg;

	worker->ops->task->delivered(worker->arg, token);
}

static int open_probe(struct worker *worker)
{
	static const char hint[] = "HINT: PROBE_ADDR says where";
	static struct probe_checks checks;
	int r;

	checks = (struct probe_checks){
		.live = check_live,
		.ready = check_ready,
		.started = check_started,
		.arg = worker,
	};
	r = probe_new(&worker->probe, worker->loop, worker->conf->probe,
		      worker->conf->probe_port_file, &checks);
	if (r)
		log_error("PROBE-ADDRESS", "cannot listen on '%s': %s (%s)",
			  worker->conf->probe, strerror(errno), hint);
	return r ? -EADDRINUSE : 0;
}

static int open_publisher(struct worker *worker)
{
	struct publisher_params params = {
		.brokers = worker->conf->brokers,
		.client_id = worker->holder,
		.suffix = worker->conf->suffix,
		.producer = worker->producer,
		.group = worker->group,
		.linger_ms = worker->conf->linger_ms,
		/* Room for what waits, and what the batch in hand adds. */
		.queue_max = worker->conf->facts_max * 2 +
			     worker->conf->batch_max * 64,
		.loop = worker->loop,
		.slots = worker->slots,
		.topics = worker->identity.topics,
		.delivered = own_delivered,
		.arg = worker,
	};

	return publisher_new(&worker->publisher, &params);
}

static int open_consumer(struct worker *worker)
{
	const char *names[WORKER_TOPICS_MAX];
	struct kafka_in_params params = {
		.brokers = worker->conf->brokers,
		.client_id = worker->holder,
		.group = worker->group,
		.instance_id = worker->conf->instance,
		.topics = names,
		.n_topics = worker->identity.n_topics,
		.queue_max_kbytes = worker->conf->queue_kbytes,
		.session_timeout_ms = worker->conf->session_timeout_ms,
		.assigned = holdings_assigned,
		.revoked = holdings_revoked,
		.trouble = take_trouble,
		.marks = true,
		.arg = worker,
		.loop = worker->loop,
	};

	for (size_t i = 0; i < worker->identity.n_topics; i++)
		names[i] = worker->topic_names[i];
	return kafka_in_new(&worker->in, &params);
}

static void prepare_args(struct worker *worker)
{
	struct job_args *args = worker->args;

	args->session = (struct session_params){
		.url = worker->conf->database,
		.schema = worker->conf->schema,
		.holder = worker->holder,
		.schema_version = worker->ops->schema_version,
		.control_version = worker->ops->control_version > CONTROL_NEEDED
					   ? worker->ops->control_version
					   : CONTROL_NEEDED,
	};
	args->identity = &worker->identity;
	args->heartbeat.identity = &worker->identity;
	args->heartbeat.version = version_of(worker->conf);
	args->heartbeat.schema = worker->conf->schema;
	args->heartbeat.started_at_ms = clock_wall_ms();
	args->lanes = &worker->lanes;
	args->ops = worker->ops;
	args->arg = worker->arg;
	args->transaction.ops = worker->ops;
	args->transaction.arg = worker->arg;
	args->transaction.identity = &worker->identity;
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

static void open_log(struct worker *worker)
{
	log_init(&(struct log_params){
		.out = stdout,
		.program = worker->ops->service,
		.version = version_of(worker->conf),
		.colour = worker->conf->colour,
		.level = log_level_of(worker->conf->log_level),
	});
	counters_init(version_of(worker->conf), worker->conf->colour);
	runtime_counters_register();
	counters_collect(lag_collect, worker);
	counters_collect(trouble_collect, worker);
}

static int open_all(struct worker *worker, loop_fn drain)
{
	int r = loop_new(&worker->loop);

	if (r)
		return r;
	worker->signals[0] = loop_signal(worker->loop, SIGTERM, drain, worker);
	worker->signals[1] = loop_signal(worker->loop, SIGINT, drain, worker);
	r = open_probe(worker);
	if (!r)
		r = work_new(&worker->work, worker->loop);
	if (!r && worker->ops->task)
		r = worker->ops->task->open(worker->arg, worker->loop);
	if (!r)
		r = open_publisher(worker);
	if (!r)
		r = open_consumer(worker);
	return r;
}

/*
 * Thousands of headers and messages of ours live at once, and each large
 * block that is freed would sweep all the small ones that were freed before
 * it: a fifth of a worker's time under load.
 */
static void tune_malloc(void)
{
	(void)mallopt(M_MXFAST, 0);
}

int worker_open(struct worker **ret, const struct worker_ops *ops, void *arg,
		const struct runtime_conf *conf, loop_fn drain)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));
	int r;

	worker->ops = ops;
	worker->arg = arg;
	worker->conf = conf;
	worker->dead_lines.a_second = DEAD_LINES_A_SECOND;
	worker->trouble_lines.a_second = TROUBLE_LINES_A_SECOND;
	worker->args = xcalloc(1, sizeof(*worker->args));
	worker->open = batch_new();
	worker->running = batch_new();
	worker->told = batch_new();
	tune_malloc();
	(void)signal(SIGPIPE, SIG_IGN);
	open_log(worker);
	name_all(worker);
	prepare_args(worker);
	r = check_topics(ops);
	if (!r)
		r = open_all(worker, drain);
	if (r) {
		worker->result = r;
		worker_close(worker);
		return r;
	}
	log_info("START", "holder '%s', group '%s'", worker->holder,
		 worker->group);
	*ret = worker;
	return 0;
}

static volatile sig_atomic_t leaves_with;

static void give_up(int signal)
{
	(void)signal;
	_exit(leaves_with);
}

void worker_close(struct worker *worker)
{
	/* The database is clean by now; a client library that hangs while it
	 * closes is left behind (2.0.2's does when a topic was deleted). */
	leaves_with = worker->result ? 1 : 0;
	(void)signal(SIGALRM, give_up);
	(void)alarm(CLOSE_MAX_S);
	/* A job that hangs keeps what it works on: so does the process then,
	 * for the moment that is left of it. */
	if (worker->work && worker->job != JOB_NONE)
		_exit(1);
	/* The consumer does not go while records of it are in hand. */
	batch_reset(worker->open);
	batch_reset(worker->running);
	batch_reset(worker->told);
	worker->in = kafka_in_free(worker->in);
	if (worker->ops->task)
		worker->ops->task->close(worker->arg);
	worker->work = work_free(worker->work);
	worker->publisher = publisher_free(worker->publisher);
	worker->probe = probe_free(worker->probe);
	for (size_t i = 0; i < 2; i++)
		worker->signals[i] = loop_source_free(worker->signals[i]);
	worker->loop = loop_free(worker->loop);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		emitted_deinit(&worker->slots[i].emitted);
	lanes_deinit(&worker->lanes);
	lanes_deinit(&worker->args->positions.lanes);
	(void)batch_free(worker->open);
	(void)batch_free(worker->running);
	(void)batch_free(worker->told);
	buf_deinit(&worker->args->heartbeat.troubles);
	free(worker->args);
	free(worker);
}
