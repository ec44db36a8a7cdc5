/* SPDX-License-Identifier: MIT */
/*
 * Orders come in at a steady rate, whatever happens, to two processes of each
 * colour of chillybin and of jafflr, while lanes are split, moved and merged,
 * and workers are killed, frozen, restarted and added at random. Nothing is
 * lost or doubled, keys keep their order, and each commit is that of the holder
 * of that moment, under its epoch.
 *
 * What is drawn follows from the seed; `make soak` makes more moves:
 *
 *	MOVES=20       how many
 *	MOVES_SEED=1   which; empty: another one each time
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/hash.h"
#include "itests/harness/audit.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define MOVES_DEFAULT 20
#define SEED_DEFAULT 1
#define RATE 300
#define LOW_RATE 20
#define N_SWITCHES 10
#define N_CUSTOMERS 200
/* More than any run sends. */
#define MANY_ORDERS 10000000
#define SESSION_MS 1500
#define SESSION "GROUP_SESSION_TIMEOUT_MS=1500"
/* A worker that is down is back after that, at the latest. */
#define DOWN_MAX_MS 3000
/* What happened longer ago is over. */
#define QUIET_MS 1000
#define LEVEL_WITHIN_MS 3000
/* So long the audit looks at what follows a change. */
#define AROUND_MS 500
/* Workers read the history since there was one lane only, up to 62. */
#define HISTORY_MAX 40

enum { N_SERVICES = 2, N_COLOURS = 2, N_EACH = 3 };

static const char *const services[N_SERVICES] = { "chillybin", "jafflr" };
static const char *const colours[N_COLOURS] = { "blue", "green" };

/* The last of each colour is there only while it is scaled up. */
enum worker_state { WORKER_ABSENT, WORKER_UP, WORKER_KILLED, WORKER_FROZEN };

struct worker {
	struct program *program;
	enum worker_state state;
	int64_t back_at_ms;
};

struct moves {
	struct world *world;
	int64_t seed, n;
	uint64_t n_drawn;
	struct worker workers[N_SERVICES][N_COLOURS][N_EACH];
	/* A worker was stopped or started, and not all are ready since. */
	bool troubled[N_SERVICES];
	int64_t troubled_at_ms[N_SERVICES]; /* when that was last so */
	int64_t n_made, n_verbs;
	struct rush rush;
	FILE *log; /* of the moves, beside those of the programs */
};

static uint32_t draw(struct moves *moves, uint32_t below)
{
	const uint64_t key[2] = { (uint64_t)moves->seed, moves->n_drawn++ };

	return (uint32_t)(hash_bytes(key, sizeof(key)) % below);
}

static void note_move(struct moves *moves, const char *what, const char *whom,
		      const char *outcome)
{
	(void)fprintf(moves->log, "%" PRId64 " %s %s%s%s\n", clock_wall_ms(),
		      what, whom, outcome ? ": " : "", outcome ? outcome : "");
	(void)fflush(moves->log);
}

static int64_t setting(const char *name, int64_t fallback)
{
	const char *text = getenv(name);
	int64_t value = fallback;

	if (text && *text)
		ck_assert_msg(!str_to_i64(&value, text, 1, INT64_MAX),
			      "%s is '%s'", name, text);
	return value;
}

/* ---- workers ---- */

static struct worker *draw_worker(struct moves *moves, int service,
				  enum worker_state state)
{
	struct worker *found = NULL;
	uint32_t n = 0;

	for (int i = 0; i < N_COLOURS * N_EACH; i++) {
		struct worker *worker =
			&moves->workers[service][i / N_EACH][i % N_EACH];

		if (worker->state == state && !draw(moves, ++n))
			found = worker;
	}
	return found;
}

static void start_worker(struct moves *moves, int service, int colour, int i)
{
	struct worker *worker = &moves->workers[service][colour][i];
	char name[64], setting_colour[32];

	if (worker->program) {
		program_start(worker->program);
	} else {
		(void)snprintf(name, sizeof(name), "%s-%s-%d",
			       services[service], colours[colour], i + 1);
		(void)snprintf(setting_colour, sizeof(setting_colour),
			       "COLOUR=%s", colours[colour]);
		worker->program = world_start(moves->world, name, SESSION,
					      QUICK_GRILL, setting_colour);
	}
	worker->state = WORKER_UP;
}

static void bring_back(struct moves *moves, struct worker *worker)
{
	note_move(moves, "back", worker->program->name, NULL);
	if (worker->state == WORKER_FROZEN)
		program_thaw(worker->program);
	else
		program_start(worker->program);
	worker->state = WORKER_UP;
}

/* Those whose time has come, or all. Gives how many are still away. */
static int bring_back_due(struct moves *moves, int service, bool all)
{
	int n_away = 0;

	for (int i = 0; i < N_COLOURS * N_EACH; i++) {
		struct worker *worker =
			&moves->workers[service][i / N_EACH][i % N_EACH];

		if (worker->state != WORKER_KILLED &&
		    worker->state != WORKER_FROZEN)
			continue;
		moves->troubled[service] = true;
		if (all || worker->back_at_ms <= clock_now_ms())
			bring_back(moves, worker);
		else
			n_away++;
	}
	return n_away;
}

static bool all_ready(struct moves *moves, int service)
{
	for (int i = 0; i < N_COLOURS * N_EACH; i++) {
		struct worker *worker =
			&moves->workers[service][i / N_EACH][i % N_EACH];

		if (worker->state == WORKER_UP &&
		    !program_ready_now(worker->program))
			return false;
	}
	return true;
}

/* All workers are there, and their groups have been at rest for a while. */
static bool is_quiet(struct moves *moves, int service)
{
	int n_away = bring_back_due(moves, service, false);

	if (moves->troubled[service]) {
		moves->troubled_at_ms[service] = clock_now_ms();
		moves->troubled[service] = n_away || !all_ready(moves, service);
	}
	return !moves->troubled[service] &&
	       clock_now_ms() - moves->troubled_at_ms[service] > QUIET_MS;
}

/* Those that are away come back meanwhile. */
static void pass_moment(struct moves *moves)
{
	for (int service = 0; service < N_SERVICES; service++)
		(void)is_quiet(moves, service);
	wait_more(INT64_MAX, "time does not pass");
}

static void wait_quiet(struct moves *moves, int service)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);

	while (!is_quiet(moves, service))
		wait_more(deadline_at_ms, "%s does not come to rest",
			  services[service]);
}

/* ---- changes of lanes ---- */

static struct audit_change begin_change(struct moves *moves, int service,
					const char *verb)
{
	return (struct audit_change){ .service = services[service],
				      .verb = verb,
				      .healthy = is_quiet(moves, service),
				      .began = audit_now(moves->world) };
}

/* True: it was made. */
static bool end_change(struct moves *moves, struct audit_change *change,
		       const char *how)
{
	bool made = !change->refused;

	note_move(moves, change->healthy ? "healthy" : "troubled", how,
		  change->refused);
	moves->n_made += made;
	audit_note(moves->world, change);
	return made;
}

/* By the functions of the database. */
static bool by_statement(struct moves *moves, int service, const char *verb,
			 const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static bool by_statement(struct moves *moves, int service, const char *verb,
			 const char *format, ...)
{
	struct audit_change change = begin_change(moves, service, verb);
	CLEANUP(cleanup_free) char *statement = NULL;
	va_list args;

	va_start(args, format);
	ck_assert_int_ge(vasprintf(&statement, format, args), 0);
	va_end(args);
	audit_execute(moves->world, &change, statement);
	return end_change(moves, &change, statement);
}

/* As an operator does it. A refusal is its last line, which says why. */
static bool by_overlord(struct moves *moves, int service, const char *verb,
			const char *colour, const char *option,
			const char *value)
{
	struct audit_change change = begin_change(moves, service, verb);
	struct program *overlord;
	char name[32], how[256];
	int status;

	(void)snprintf(name, sizeof(name), "overlord-%" PRId64,
		       ++moves->n_verbs);
	(void)snprintf(how, sizeof(how), "overlord %s %s %s %s %s", verb,
		       services[service], colour ? colour : "",
		       option ? option : "", value ? value : "");
	/* The list ends with the first NULL. */
	overlord = world_command(moves->world, name, verb, services[service],
				 "--execute", colour, "--force", option, value);
	program_start(overlord);
	status = program_wait(overlord, PATIENCE_MS);
	ck_assert_msg(status == 0 || status == 1, "'%s' ended with %d: '%s'",
		      how, status, overlord->log);
	if (status)
		change.refused = file_text(overlord->log);
	return end_change(moves, &change, how);
}

static char *draw_lane(struct moves *moves, int service, const char *but)
{
	const char *name = services[service];
	int64_t n = db_i64(moves->world->db,
			   "control.lanes WHERE service = '%s' AND ended_at IS "
			   "NULL AND lane <> '%s'",
			   name, but);

	if (!n)
		return NULL;
	return db_text(moves->world->db,
		       "SELECT lane FROM control.lanes WHERE service = '%s' "
		       "AND ended_at IS NULL AND lane <> '%s' ORDER BY made "
		       "LIMIT 1 OFFSET %u",
		       name, but, draw(moves, (uint32_t)n));
}

static void all_to(struct moves *moves, int service, const char *verb,
		   const char *colour)
{
	(void)by_statement(moves, service, verb,
			   "SELECT lane_move('%s', lane, '%s') FROM (SELECT "
			   "lane FROM control.lanes WHERE service = '%s' AND "
			   "ended_at IS NULL ORDER BY made) l",
			   services[service], colour, services[service]);
}

static void promote(struct moves *moves, int service)
{
	const char *other;
	CLEANUP(cleanup_free)
	char *colour = db_text(moves->world->db,
			       "SELECT colour FROM control.lanes WHERE service "
			       "= '%s' AND lane = 'stable'",
			       services[service]);

	other = strcmp(colour, "blue") ? "blue" : "green";
	if (draw(moves, 2))
		(void)by_overlord(moves, service, "promote", other, NULL, NULL);
	else
		all_to(moves, service, "promote", other);
}

static void rollback(struct moves *moves, int service)
{
	if (draw(moves, 2))
		(void)by_overlord(moves, service, "rollback", NULL, NULL, NULL);
	else
		all_to(moves, service, "rollback", "blue");
}

/* False: it is not level yet. */
static bool merge_one(struct moves *moves, int service, const char *lane)
{
	return by_statement(moves, service, "merge",
			    "SELECT lane_merge('%s', '%s')", services[service],
			    lane);
}

/* First it gets the colour of its heir. Workers that are down may keep it from
 * becoming level. */
static void merge(struct moves *moves, int service)
{
	int64_t deadline_at_ms = within(LEVEL_WITHIN_MS);
	const char *name = services[service];
	CLEANUP(cleanup_free)
	char *lane = draw_lane(moves, service, "stable");

	if (!lane)
		return;
	(void)by_statement(moves, service, "move",
			   "SELECT lane_move('%s', '%s', colour) FROM "
			   "control.lanes WHERE service = '%s' AND "
			   "lane = lane_heir('%s', '%s')",
			   name, lane, name, name, lane);
	while (!merge_one(moves, service, lane) &&
	       clock_left_ms(deadline_at_ms))
		pass_moment(moves);
}

/* All of one colour, and merged, so that there is one lane again. */
static void merge_all(struct moves *moves, int service)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);
	char *lane;

	(void)bring_back_due(moves, service, true);
	all_to(moves, service, "rollback", "blue");
	while ((lane = draw_lane(moves, service, "stable"))) {
		if (!merge_one(moves, service, lane))
			wait_more(deadline_at_ms, "%s of %s is never level",
				  lane, services[service]);
		free(lane);
	}
}

static void split(struct moves *moves, int service, const char *verb,
		  const char *parent, const char *rule)
{
	(void)by_statement(moves, service, verb,
			   "SELECT lane_split('%s', NULL, '%s', %s, '%s')",
			   services[service], parent, rule,
			   colours[draw(moves, N_COLOURS)]);
}

/* The history that workers read is short enough for one more. */
static void make_room(struct moves *moves, int service)
{
	if (db_i64(moves->world->db,
		   "control.lanes l WHERE service = '%s' AND made > coalesce("
		   "(SELECT max(e.ended) FROM control.lanes e WHERE NOT EXISTS "
		   "(SELECT FROM control.lanes o WHERE o.service = e.service "
		   "AND o.parent IS NOT NULL AND o.made < e.ended AND "
		   "(o.ended IS NULL OR o.ended > e.ended)) AND e.service = "
		   "l.service), 0)",
		   services[service]) > HISTORY_MAX)
		merge_all(moves, service);
}

static void canary_share(struct moves *moves, int service)
{
	CLEANUP(cleanup_free) char *parent = NULL;
	uint32_t from = draw(moves, 4000), n = 1 + draw(moves, 4096 - from);
	char rule[64];

	make_room(moves, service);
	parent = draw_lane(moves, service, "");
	(void)snprintf(rule, sizeof(rule), "'buckets', %u, %u, NULL", from,
		       from + n);
	split(moves, service, "canary of a share", parent, rule);
}

static void canary_customers(struct moves *moves, int service)
{
	CLEANUP(cleanup_free) char *parent = NULL;
	char rule[256];

	make_room(moves, service);
	parent = draw_lane(moves, service, "");
	(void)snprintf(rule, sizeof(rule),
		       "'customers', NULL, NULL, ARRAY['customer-%u', "
		       "'customer-%u', 'customer-%u']",
		       1 + draw(moves, N_CUSTOMERS),
		       1 + draw(moves, N_CUSTOMERS),
		       1 + draw(moves, N_CUSTOMERS));
	split(moves, service, "canary of customers", parent, rule);
}

/* More of what is left, and another split of `stable`. */
static void widen(struct moves *moves, int service)
{
	char rule[64];

	make_room(moves, service);
	(void)snprintf(rule, sizeof(rule), "'buckets', 0, %u, NULL",
		       1 + draw(moves, 4096));
	split(moves, service, "widen", "stable", rule);
}

/* To the colour that has not got `stable`; the other one is refused. */
static void canary(struct moves *moves, int service)
{
	char percent[8], names[64];
	const char *colour = colours[draw(moves, N_COLOURS)];

	(void)snprintf(percent, sizeof(percent), "%u", 1 + draw(moves, 99));
	(void)snprintf(names, sizeof(names), "customer-%u,customer-%u",
		       1 + draw(moves, N_CUSTOMERS),
		       1 + draw(moves, N_CUSTOMERS));
	make_room(moves, service);
	if (draw(moves, 3))
		(void)by_overlord(moves, service, "canary", colour, "--percent",
				  percent);
	else
		(void)by_overlord(moves, service, "canary", colour,
				  "--customers", names);
}

static void merge_level(struct moves *moves, int service)
{
	(void)by_overlord(moves, service, "merge", NULL, NULL, NULL);
}

static void abort_canary(struct moves *moves, int service)
{
	(void)by_overlord(moves, service, "abort", NULL, NULL, NULL);
}

/* ---- what happens to workers ---- */

static void kill_worker(struct moves *moves, int service)
{
	struct worker *worker = draw_worker(moves, service, WORKER_UP);

	if (!worker)
		return;
	program_kill(worker->program);
	note_move(moves, "kill", worker->program->name, NULL);
	worker->state = WORKER_KILLED;
	worker->back_at_ms = within(draw(moves, DOWN_MAX_MS));
	moves->n_made++;
}

static void freeze_worker(struct moves *moves, int service)
{
	struct worker *worker = draw_worker(moves, service, WORKER_UP);

	if (!worker)
		return;
	program_freeze(worker->program);
	note_move(moves, "freeze", worker->program->name, NULL);
	worker->state = WORKER_FROZEN;
	worker->back_at_ms =
		within(SESSION_MS + draw(moves, DOWN_MAX_MS - SESSION_MS));
	moves->n_made++;
}

static void restart_workers(struct moves *moves, int service)
{
	uint32_t colour = draw(moves, N_COLOURS);

	note_move(moves, "restart", colours[colour], NULL);
	for (int i = 0; i < N_EACH; i++) {
		struct worker *worker = &moves->workers[service][colour][i];

		if (worker->state == WORKER_UP)
			program_restart(worker->program);
	}
	moves->troubled[service] = true;
	moves->n_made++;
}

static void scale(struct moves *moves, int service)
{
	uint32_t colour = draw(moves, N_COLOURS);
	struct worker *worker = &moves->workers[service][colour][N_EACH - 1];

	note_move(moves, "scale", colours[colour], NULL);
	if (worker->state == WORKER_ABSENT) {
		start_worker(moves, service, (int)colour, N_EACH - 1);
	} else if (worker->state == WORKER_UP) {
		(void)program_stop(worker->program);
		worker->state = WORKER_ABSENT;
	}
	moves->troubled[service] = true;
	moves->n_made++;
}

/* ---- all of it ---- */

static void note_gaps(struct moves *moves)
{
	CLEANUP(cleanup_free)
	char *gaps = db_text(moves->world->db,
			     "SELECT string_agg(concat_ws(' ', verb, gap_ms, "
			     "before_ms, wait_ms), E'\\n' ORDER BY n) "
			     "FROM check_gaps");

	note_move(moves, "ms of gap, gap before, wait\n", gaps, NULL);
}

static const struct {
	void (*fn)(struct moves *moves, int service);
	uint32_t weight;
} kinds[] = {
	{ canary, 4 },       { canary_share, 3 },  { canary_customers, 2 },
	{ widen, 2 },        { promote, 5 },       { rollback, 3 },
	{ abort_canary, 1 }, { merge, 2 },         { merge_level, 1 },
	{ kill_worker, 3 },  { freeze_worker, 2 }, { restart_workers, 1 },
	{ scale, 1 },
};

static void make_move(struct moves *moves)
{
	/* Most of them where orders are decided. */
	int service = draw(moves, 3) ? 0 : 1;
	uint32_t sum = 0, at;

	for (int i = 0; i < N_ROWS(kinds); i++)
		sum += kinds[i].weight;
	at = draw(moves, sum);
	/* Half of them come whatever the last one has left behind. */
	if (draw(moves, 2))
		wait_quiet(moves, service);
	for (int i = 0; i < N_ROWS(kinds); i++) {
		if (at < kinds[i].weight) {
			kinds[i].fn(moves, service);
			return;
		}
		at -= kinds[i].weight;
	}
}

/* Orders go on coming for a while. */
static void let_time_pass(struct moves *moves)
{
	int64_t until_ms = within(AROUND_MS + draw(moves, 500));

	while (clock_left_ms(until_ms))
		pass_moment(moves);
}

/* Two workers of each colour, of the first @n_services. */
static void open_moves(struct moves *moves, struct world *world, int n_services,
		       int64_t rate)
{
	struct rush_params params = { .n_orders = MANY_ORDERS,
				      .rate = rate,
				      .no_grills = n_services == 1,
				      .late_facts = true };

	int64_t seed =
		setting("MOVES_SEED",
			getenv("MOVES_SEED") ? clock_wall_ms() : SEED_DEFAULT);

	char path[PROGRAM_PATH_MAX];

	*moves = (struct moves){ .world = world, .seed = seed };
	world_path(world, "moves.log", path);
	moves->log = fopen(path, "we");
	ck_assert_msg(moves->log, "cannot write '%s'", path);
	moves->n = setting("MOVES", MOVES_DEFAULT);
	suite_note("MOVES=%" PRId64 " MOVES_SEED=%" PRId64, moves->n, seed);
	for (int i = 0; i < n_services * N_COLOURS * (N_EACH - 1); i++)
		start_worker(moves, i % n_services, i / n_services % N_COLOURS,
			     i / n_services / N_COLOURS);
	rush_open(&moves->rush, world, &params);
	audit_begin(world);
	rush_start(&moves->rush);
	rush_wait_decided(&moves->rush, 1);
	for (int service = 0; service < N_SERVICES; service++)
		moves->troubled[service] = true;
}

/* No more orders come; what came must be right. */
static struct check_result close_moves(struct moves *moves)
{
	struct check_result result;

	program_signal(moves->rush.waves[0], SIGTERM);
	result = rush_check(&moves->rush);
	audit_check(moves->world);
	suite_note("%" PRId64 " changes of lanes and accidents", moves->n_made);
	audit_note_gaps(moves->world);
	note_gaps(moves);
	(void)fclose(moves->log);
	return result;
}

WORLD_TEST(random_moves_under_load_lose_and_double_nothing)
{
	struct check_result result;
	struct moves moves;

	open_moves(&moves, world, N_SERVICES, RATE);
	for (int64_t i = 0; i < moves.n; i++) {
		/* However many the moves before it have drawn. */
		moves.n_drawn = (uint64_t)i << 32;
		make_move(&moves);
		let_time_pass(&moves);
	}
	for (int service = 0; service < N_SERVICES; service++)
		(void)bring_back_due(&moves, service, true);
	result = close_moves(&moves);
	ck_assert_int_eq(result.n_done, result.n_picked);
}

/* Where few orders come a worker waits for the next one most of the time, also
 * when lanes change hands. */
WORLD_TEST(a_service_of_few_orders_changes_colours_without_a_pause)
{
	struct moves moves;

	open_moves(&moves, world, 1, LOW_RATE);
	wait_quiet(&moves, 0);
	for (int i = 0; i < N_SWITCHES; i++) {
		promote(&moves, 0);
		let_time_pass(&moves);
	}
	(void)close_moves(&moves);
}
