/* SPDX-License-Identifier: MIT */
/*
 * Deploy: what the agents shall run. Each verb changes one row of
 * control.deployments; the agents do it, and --wait waits until they have.
 *
 * A version is a folder. Its program is run once, for its version, and its
 * bytes are remembered: an agent starts no others. A colour that has lanes is
 * not changed under its customers' feet: a new version goes into another
 * colour, and lanes move there; --force replaces the instances one at a time.
 * Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/agent/artifact.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/verb.h"

#define PROGRESS_EVERY_MS 100

enum { NAME_MAX_CHARS = 40, INSTANCES_MAX = 999 };
enum { PATH_BYTES = 1024, WORDS_BYTES = 1400 };

/* The columns of sql_deployment_lock. */
enum column {
	COLOUR,
	DIR,
	DIGEST,
	VERSION,
	INSTANCES,
	SETTINGS,
	TROUBLE,
	RETIRED,
	ROW,
	LANES,
	HAS_LANES,
};

/* "chillybin", "tasty-green": part of the names of files, groups, instances. */
static int check_name(const struct verb *verb, const char *what,
		      const char *name)
{
	size_t n = strlen(name);

	if (n && n <= NAME_MAX_CHARS && name[0] >= 'a' && name[0] <= 'z' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n)
		return 0;
	return verb_usage(verb,
			  "%s '%.120s' is no name: a to z, 0 to 9 and _, at "
			  "most %d",
			  what, name, NAME_MAX_CHARS);
}

static int check_names(const struct verb *verb, const char *service,
		       const char *colour)
{
	int r = check_name(verb, "service", service);

	return r || !colour ? r : check_name(verb, "colour", colour);
}

/* ---- the deployment that is meant ---- */

struct meant {
	const char *service, *colour;
	int statement, row; /* of sql_deployment_lock; row -1: there is none */
};

static const char *cell(const struct verb *verb, const struct meant *meant,
			enum column column)
{
	return verb_cell(verb, meant->statement, meant->row, column);
}

static int64_t n_instances(const struct verb *verb, const struct meant *meant)
{
	return pg_i64(verb->pg, meant->statement, meant->row, INSTANCES);
}

static int lock(struct verb *verb, struct meant *meant)
{
	return verb_lock(
		verb, &sql_deployment_lock,
		VALUES(value_text(meant->service), value_text(meant->colour)),
		meant->service, &meant->statement);
}

/* Locks the deployment of --colour; without it the only one, or the only one
 * that has lanes. */
static int find(struct verb *verb, struct meant *meant)
{
	int n_rows, n_lanes = 0, with_lanes = 0, r = lock(verb, meant);

	if (r)
		return r;
	n_rows = pg_n_rows(verb->pg, meant->statement);
	for (int row = 0; row < n_rows; row++)
		if (!pg_null(verb->pg, meant->statement, row, LANES)) {
			with_lanes = row;
			n_lanes++;
		}
	if (!n_rows)
		return verb_failed(
			"overlord deployments lists those that there are",
			"there is no deployment of '%s'%s%s", meant->service,
			meant->colour ? " in the colour " : "",
			meant->colour ? meant->colour : "");
	if (n_rows > 1 && n_lanes != 1)
		return verb_usage(verb,
				  "'%s' has %d colours, of which %d have "
				  "lanes: --colour says which is meant",
				  meant->service, n_rows, n_lanes);
	meant->row = n_rows > 1 ? with_lanes : 0;
	meant->colour = cell(verb, meant, COLOUR);
	if (pg_bool(verb->pg, meant->statement, meant->row, RETIRED))
		return verb_failed("overlord deploy starts it anew",
				   "%s %s is being retired", meant->service,
				   meant->colour);
	return 0;
}

/* ---- waiting ---- */

/* Why it takes so long, by the row of @i. */
static int too_late(const struct verb *verb, int i, int64_t waited_ms)
{
	return verb_failed(
		pg_i64(verb->pg, i, 0, 4)
			? "overlord instances says how each is"
			: "no agent lives: overlord agent runs on each host",
		"%s %s is not as it shall be after %" PRId64 " s: %s",
		verb_cell(verb, i, 0, 0), verb_cell(verb, i, 0, 1),
		waited_ms / 1000, verb_cell(verb, i, 0, 3));
}

/* Until the deployments of these names, or with NULL of all, are as they shall
 * be. VERB_E_FAILED: they do not become so, and it has been said why. */
static int wait_for_agents(struct verb *verb, const char *service,
			   const char *colour, int64_t instances)
{
	/* One after the other, each with its time to leave and to start. */
	int64_t wait_ms = (verb->conf.ready_ms + verb->conf.drain_ms) *
			  (instances > 0 ? instances : 1);
	int64_t until_ms = clock_now_ms() + wait_ms;

	for (;;) {
		int i = verb_add(
			verb, &sql_deployments_unsettled,
			VALUES(value_text(service), value_text(colour)));
		int r = verb_send(verb, "waiting for the agents");

		if (r || !pg_n_rows(verb->pg, i))
			return r;
		if (!pg_null(verb->pg, i, 0, 2))
			return verb_failed(
				"overlord instances says how each is",
				"%s %s: %s", verb_cell(verb, i, 0, 0),
				verb_cell(verb, i, 0, 1),
				verb_cell(verb, i, 0, 2));
		if (clock_left_ms(until_ms) == 0)
			return too_late(verb, i, wait_ms);
		(void)poll(NULL, 0, PROGRESS_EVERY_MS);
	}
}

/* Shows or makes the change, and waits for the agents if that is asked for. */
static int change(struct verb *verb, const struct meant *meant,
		  const struct change *change, int64_t instances)
{
	/* The cells are gone after the change. */
	CLEANUP(cleanup_free) char *colour = xstrdup(meant->colour);
	int r = change_run(verb, change);

	if (r || !verb->options.wait || !verb->options.execute)
		return r;
	return wait_for_agents(verb, meant->service, colour, instances);
}

/* "chillybin green", for the audit. */
static const char *name_of(char ret[2 * NAME_MAX_CHARS + 2],
			   const struct meant *meant)
{
	(void)snprintf(ret, 2 * NAME_MAX_CHARS + 2, "%.40s %.40s",
		       meant->service, meant->colour);
	return ret;
}

/* ---- deploy ---- */

struct version {
	char dir[PATH_BYTES];
	char digest[ARTIFACT_DIGEST_CHARS + 1];
	char version[ARTIFACT_VERSION_BYTES];
};

static int read_version(const struct verb *verb, const char *service,
			struct version *ret)
{
	CLEANUP(cleanup_free) char *dir = NULL;
	char program[PATH_BYTES + NAME_MAX_CHARS + 2];
	int r;

	if (!verb->options.from)
		return verb_usage(verb, "deploy wants --from");
	dir = realpath(verb->options.from, NULL);
	if (!dir || !str_copy(ret->dir, sizeof(ret->dir), dir))
		return verb_failed(NULL, "the folder '%.500s': %s",
				   verb->options.from,
				   strerrordesc_np(dir ? ENAMETOOLONG : errno));
	(void)snprintf(program, sizeof(program), "%s/%s", dir, service);
	r = artifact_digest_file(program, ret->digest);
	if (!r && access(program, X_OK))
		r = -errno;
	if (r)
		return verb_failed("--from is a folder that has the program",
				   "there is no program '%.500s': %s", program,
				   err_text(r));
	r = artifact_version(program, ret->version);
	if (r)
		return verb_failed(
			NULL, "'%.500s' --version does not say a version: %s",
			program,
			r == -EPROTO ? "it failed, or said nothing"
				     : err_text(r));
	return 0;
}

/* NAME=value, with commas, as a JSON object. */
static int read_settings(const struct verb *verb, const char *settings,
			 json_t *ret)
{
	struct text rest = text_of(settings);

	/* One after each comma, also the last. */
	for (bool more = true; more;) {
		struct text value = text_cut(&rest, ',');
		bool is_one = memchr(value.p, '=', value.n) != NULL;
		struct text name = text_cut(&value, '=');
		char key[128], text[PATH_BYTES];

		more = rest.p != NULL;
		if (!is_one || !name.n ||
		    !str_n_copy(key, sizeof(key), name.p, name.n) ||
		    !str_n_copy(text, sizeof(text), value.p, value.n) ||
		    json_object_set_new(ret, key, json_string(text)))
			return verb_usage(verb,
					  "settings '%.200s' are not "
					  "NAME=value with commas between",
					  settings);
	}
	return 0;
}

/* The settings as they will be; to be freed. */
static int settings_then(const struct verb *verb, const struct meant *meant,
			 char **ret)
{
	const char *said = verb->options.settings;
	json_t *settings;
	int r = 0;

	if (!said && meant->row >= 0)
		settings = json_loads(cell(verb, meant, SETTINGS), 0, NULL);
	else
		settings = json_object();
	if (said && strcmp(said, "none") != 0)
		r = read_settings(verb, said, settings);
	*ret = json_dumps(settings, JSON_SORT_KEYS);
	json_decref(settings);
	return r;
}

static void put_words(char ret[WORDS_BYTES], const struct version *version,
		      int64_t instances, const char *settings)
{
	(void)snprintf(ret, WORDS_BYTES,
		       "%" PRId64 " of version %s (%.12s) from '%s'%s%.200s",
		       instances, version->version, version->digest,
		       version->dir, strcmp(settings, "{}") ? ", " : "",
		       strcmp(settings, "{}") ? settings : "");
}

static void put_words_now(const struct verb *verb, const struct meant *meant,
			  char ret[WORDS_BYTES])
{
	struct version version;
	json_t *settings;
	char *text;

	(void)snprintf(ret, WORDS_BYTES, "missing");
	if (meant->row < 0)
		return;
	(void)str_copy(version.dir, sizeof(version.dir),
		       cell(verb, meant, DIR));
	(void)str_copy(version.digest, sizeof(version.digest),
		       cell(verb, meant, DIGEST));
	(void)str_copy(version.version, sizeof(version.version),
		       cell(verb, meant, VERSION));
	settings = json_loads(cell(verb, meant, SETTINGS), 0, NULL);
	text = json_dumps(settings, JSON_SORT_KEYS);
	put_words(ret, &version, n_instances(verb, meant), text);
	free(text);
	json_decref(settings);
}

static bool same_json(const char *text, const char *other)
{
	json_t *a = json_loads(text, 0, NULL), *b = json_loads(other, 0, NULL);
	bool same = json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return same;
}

/* Its instances work for customers, and shall become other ones? */
static int check_lanes(const struct verb *verb, const struct meant *meant,
		       const struct version *version, const char *settings)
{
	if (meant->row < 0 ||
	    pg_null(verb->pg, meant->statement, meant->row, LANES) ||
	    !n_instances(verb, meant) ||
	    (!strcmp(cell(verb, meant, DIGEST), version->digest) &&
	     same_json(cell(verb, meant, SETTINGS), settings)))
		return 0;
	if (verb->options.force) {
		out_say("%s has lanes (%s): its instances are replaced one at "
			"a time",
			meant->colour, cell(verb, meant, LANES));
		return 0;
	}
	return verb_failed(
		"deploy into another colour and move lanes there; --force "
		"replaces the instances of this one, one at a time",
		"%s %s has lanes (%s): a new version goes into another colour",
		meant->service, meant->colour, cell(verb, meant, LANES));
}

static int deploy(struct verb *verb, struct meant *meant,
		  const struct version *version)
{
	CLEANUP(cleanup_free) char *settings = NULL;
	char now[WORDS_BYTES], then[WORDS_BYTES], what[2 * NAME_MAX_CHARS + 2];
	int64_t instances = verb->options.instances;
	bool same;
	int r = settings_then(verb, meant, &settings);

	if (!r)
		r = check_lanes(verb, meant, version, settings);
	if (r)
		return r;
	if (instances < 0)
		instances = meant->row >= 0 ? n_instances(verb, meant) : 1;
	put_words_now(verb, meant, now);
	put_words(then, version, instances, settings);
	same = meant->row >= 0 && !strcmp(now, then) &&
	       !strcmp(cell(verb, meant, DIGEST), version->digest) &&
	       !pg_bool(verb->pg, meant->statement, meant->row, RETIRED) &&
	       pg_null(verb->pg, meant->statement, meant->row, TROUBLE);
	return change(verb, meant,
		      &(struct change){
			      .what = name_of(what, meant),
			      .now = now,
			      .then = same ? NULL : then,
			      .key = "deployment",
			      .before = meant->row < 0 ? NULL
						       : cell(verb, meant, ROW),
			      .statement = &sql_deployment_write,
			      .values = VALUES(value_text(meant->service),
					       value_text(meant->colour),
					       value_text(version->dir),
					       value_text(version->digest),
					       value_text(version->version),
					       value_i64(instances),
					       value_text(settings),
					       value_text(verb->who)) },
		      instances);
}

int cmd_deploy(struct verb *verb)
{
	const char *const *operands = verb->options.operands;
	struct meant meant = { operands[0], operands[1], 0, -1 };
	struct version version;
	int r = check_names(verb, operands[0], operands[1]);

	if (!r)
		r = read_version(verb, operands[0], &version);
	if (!r)
		r = lock(verb, &meant);
	if (r)
		return r;
	if (pg_n_rows(verb->pg, meant.statement))
		meant.row = 0;
	return deploy(verb, &meant, &version);
}

/* ---- scale, restart, retire-colour ---- */

int cmd_scale(struct verb *verb)
{
	const char *const *operands = verb->options.operands;
	struct meant meant = { operands[0], verb->options.colour, 0, -1 };
	char now[32], then[32], what[2 * NAME_MAX_CHARS + 2];
	int64_t instances = 0;
	int r = check_names(verb, meant.service, meant.colour);

	if (!r && str_to_i64(&instances, operands[1], 0, INSTANCES_MAX))
		r = verb_usage(verb,
			       "'%.60s' is no number of instances: 0 to %d",
			       operands[1], INSTANCES_MAX);
	if (!r)
		r = find(verb, &meant);
	if (r)
		return r;
	if (instances > TOPIC_PARTITIONS &&
	    pg_bool(verb->pg, meant.statement, meant.row, HAS_LANES))
		out_say("%d of them get a partition of each topic, the others "
			"are ready and have none",
			TOPIC_PARTITIONS);
	if (!instances && !pg_null(verb->pg, meant.statement, meant.row, LANES))
		out_say("%s has lanes (%s): nobody works them then",
			meant.colour, cell(verb, &meant, LANES));
	(void)snprintf(now, sizeof(now), "%" PRId64, n_instances(verb, &meant));
	(void)snprintf(then, sizeof(then), "%" PRId64, instances);
	return change(
		verb, &meant,
		&(struct change){ .what = name_of(what, &meant),
				  .now = now,
				  .then = strcmp(now, then) ? then : NULL,
				  .key = "deployment",
				  .before = cell(verb, &meant, ROW),
				  .statement = &sql_deployment_scale,
				  .values = VALUES(value_text(meant.service),
						   value_text(meant.colour),
						   value_i64(instances),
						   value_text(verb->who)) },
		instances);
}

int cmd_restart(struct verb *verb)
{
	struct meant meant = { verb->options.operands[0], verb->options.colour,
			       0, -1 };
	char now[64], what[2 * NAME_MAX_CHARS + 2];
	int64_t instances;
	int r = check_names(verb, meant.service, meant.colour);

	if (!r)
		r = find(verb, &meant);
	if (r)
		return r;
	instances = n_instances(verb, &meant);
	(void)snprintf(now, sizeof(now), "%" PRId64 " of version %.40s",
		       instances, cell(verb, &meant, VERSION));
	return change(
		verb, &meant,
		&(struct change){ .what = name_of(what, &meant),
				  .now = now,
				  .then = instances ? "replaced one at a time"
						    : NULL,
				  .key = "deployment",
				  .before = cell(verb, &meant, ROW),
				  .statement = &sql_deployment_restart,
				  .values = VALUES(value_text(meant.service),
						   value_text(meant.colour),
						   value_text(verb->who)) },
		instances);
}

int cmd_retire_colour(struct verb *verb)
{
	const char *const *operands = verb->options.operands;
	struct meant meant = { operands[0], operands[1], 0, -1 };
	char now[64], what[2 * NAME_MAX_CHARS + 2];
	int r = check_names(verb, meant.service, meant.colour);

	if (!r)
		r = find(verb, &meant);
	if (r)
		return r;
	if (!pg_null(verb->pg, meant.statement, meant.row, LANES))
		return verb_failed(
			"its lanes are moved to another colour first",
			"%s %s has lanes (%s)", meant.service, meant.colour,
			cell(verb, &meant, LANES));
	(void)snprintf(now, sizeof(now), "%" PRId64 " of version %.40s",
		       n_instances(verb, &meant), cell(verb, &meant, VERSION));
	return change(
		verb, &meant,
		&(struct change){ .what = name_of(what, &meant),
				  .now = now,
				  .then = "not there",
				  .key = "deployment",
				  .before = cell(verb, &meant, ROW),
				  .statement = &sql_deployment_retire,
				  .values = VALUES(value_text(meant.service),
						   value_text(meant.colour),
						   value_text(verb->who)) },
		0);
}

/* ---- what is deployed, and runs ---- */

int cmd_deployments(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "service", OUT_TEXT },
		{ "colour", OUT_TEXT },
		{ "version", OUT_TEXT },
		{ "digest", OUT_TEXT },
		{ "instances", OUT_NUMBER },
		{ "ready", OUT_NUMBER },
		{ "current", OUT_NUMBER },
		{ "lanes", OUT_TEXT },
		{ "changed", OUT_TIME },
		{ "by", OUT_TEXT },
		{ "trouble", OUT_TEXT },
		{ "dir", OUT_TEXT },
		{ NULL, 0 },
	};
	const struct listing listing = { .name = "deployments",
					 .statement = &sql_deployments_all,
					 .columns = columns,
					 .none = "nothing is deployed" };
	int r = verb_connect(verb);

	if (!r && verb->options.wait)
		r = wait_for_agents(verb, NULL, NULL, 1);
	return r ? r : verb_list(verb, &listing, NULL);
}

int cmd_instances(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "instance", OUT_TEXT },
		{ "agent", OUT_TEXT },
		{ "pid", OUT_NUMBER },
		{ "state", OUT_TEXT },
		{ "version", OUT_TEXT },
		{ "restarts", OUT_NUMBER },
		{ "since", OUT_TIME },
		{ "partitions", OUT_NUMBER },
		{ "lag", OUT_NUMBER },
		{ "detail", OUT_TEXT },
		{ NULL, 0 },
	};

	return verb_list(verb,
			 &(struct listing){ .name = "instances",
					    .statement = &sql_instances_all,
					    .columns = columns,
					    .none = "there are no instances" },
			 VALUES(value_text(verb->options.service)));
}
