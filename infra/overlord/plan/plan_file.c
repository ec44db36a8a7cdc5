/* SPDX-License-Identifier: MIT */
/* Plan file: saved, read, compared; see plan_file.h. Main thread. */
#include "infra/overlord/plan/plan_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "infra/lib/xalloc.h"

/* Rises when an older overlord would misread a file. */
enum { FORMAT = 1 };

static const char make_one[] = "overlord VERB ... --plan FILE makes a plan";

void plan_file_deinit(struct plan_file *file)
{
	json_decref(file->json);
	file->json = NULL;
}

/* Of everything but the digest itself, in one spelling. */
static void digest_of(json_t *json, char ret[ARTIFACT_DIGEST_CHARS + 1])
{
	json_t *rest = json_copy(json);
	char *text;

	(void)json_object_del(rest, "digest");
	text = xalloc_check(json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS));
	artifact_digest(text, strlen(text), ret);
	free(text);
	json_decref(rest);
}

static const char *text_at(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* ---- saving ---- */

static void put_option(void *arg, const char *name, const char *value)
{
	(void)json_object_set_new(arg, name,
				  value ? json_string(value) : json_true());
}

static json_t *options_json(const struct options *options)
{
	json_t *json = json_object();

	options_given(options, put_option, json);
	return json;
}

static json_t *operands_json(const struct options *options)
{
	json_t *json = json_array();

	for (size_t i = 0; i < options->n_operands; i++)
		(void)json_array_append_new(json,
					    json_string(options->operands[i]));
	return json;
}

static json_t *place_json(const struct verb *verb)
{
	const struct verb_session *session = &verb->session;
	bool known = *session->cluster != '\0';

	return json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "brokers",
			 verb->conf.brokers, "suffix", verb->suffix, "schema",
			 verb->schema, "database",
			 known ? session->database : NULL, "cluster",
			 known ? session->cluster : NULL);
}

/* What is done of it, NULL: nothing. */
static const char *then_of(const struct plan_step *step)
{
	return step->needed ? step->then : NULL;
}

static json_t *step_json(const struct plan_step *step)
{
	json_t *json = json_pack("{s:s, s:s, s:s?}", "what", step->what, "now",
				 step->now, "then", then_of(step));

	if (json && step->fixed_now)
		(void)json_object_update_new(
			json,
			json_pack("{s:s, s:s}", "fixed_now", step->fixed_now,
				  "fixed_then", step->fixed_then));
	return json;
}

static json_t *steps_json(const struct plan *plan)
{
	json_t *json = json_array();

	for (size_t i = 0; i < plan->n_steps; i++)
		(void)json_array_append_new(json, step_json(&plan->steps[i]));
	return json;
}

/* NULL: a text is not UTF-8. */
static json_t *plan_json(const struct verb *verb, const struct plan *plan)
{
	char at[CLOCK_RFC3339_MAX];
	json_t *json, *operands = operands_json(&verb->options);
	json_t *steps = steps_json(plan);
	bool whole = json_array_size(operands) == verb->options.n_operands &&
		     json_array_size(steps) == plan->n_steps;

	clock_rfc3339(clock_wall_ms(), at);
	json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}",
			 "format", FORMAT, "verb", verb->name, "who", verb->who,
			 "at", at, "version", version_of_build, "operands",
			 operands, "options", options_json(&verb->options),
			 "where", place_json(verb), "steps", steps);
	if (whole)
		return json;
	json_decref(json);
	return NULL;
}

static int write_json(const json_t *json, const char *path)
{
	FILE *out = fopen(path, "we");
	int r;

	if (!out)
		return -errno;
	r = json_dumpf(json, out, JSON_INDENT(2));
	if (r || putc('\n', out) == EOF)
		r = -EIO;
	return fclose(out) && !r ? -errno : r;
}

int plan_file_save(const struct verb *verb, const struct plan *plan)
{
	struct plan_file *file = verb->file;
	char digest[ARTIFACT_DIGEST_CHARS + 1];
	json_t *json;
	int r;

	if (!file || !file->save)
		return 0;
	json = plan_json(verb, plan);
	if (!json)
		return verb_failed(NULL, "the plan has a text that is not "
					 "UTF-8, and cannot be saved");
	digest_of(json, digest);
	(void)json_object_set_new(json, "digest", json_string(digest));
	r = write_json(json, file->save);
	json_decref(json);
	if (r)
		return verb_failed(NULL, "the plan cannot be saved in '%s': %s",
				   file->save, strerrordesc_np(-r));
	file->saved = true;
	out_say("the plan is saved; overlord apply %s --execute does it",
		file->save);
	return 0;
}

/* ---- reading ---- */

static int check_content(struct plan_file *file)
{
	static const char texts[][8] = { "verb", "who", "at", "digest" };
	json_int_t format =
		json_integer_value(json_object_get(file->json, "format"));
	bool good = json_is_array(json_object_get(file->json, "steps")) &&
		    json_is_array(json_object_get(file->json, "operands")) &&
		    json_is_object(json_object_get(file->json, "options")) &&
		    json_is_object(json_object_get(file->json, "where"));

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		good = good && *text_at(file->json, texts[i]);
	if (!json_is_integer(json_object_get(file->json, "format")))
		return verb_failed(make_one, "'%s' is no plan of overlord's",
				   file->path);
	if (format != FORMAT)
		return verb_failed("apply it with the overlord that made it, "
				   "or make it anew with this one",
				   "plan '%s' has the format %" PRId64
				   ", and this overlord reads %d",
				   file->path, (int64_t)format, FORMAT);
	digest_of(file->json, file->digest);
	if (good && !strcmp(file->digest, text_at(file->json, "digest")))
		return 0;
	return verb_failed("make it anew: a plan that was saved is not edited",
			   "plan '%s' is damaged: its content has the digest "
			   "%s, and it says '%s'",
			   file->path, file->digest,
			   text_at(file->json, "digest"));
}

int plan_file_load(struct plan_file *file, const char *path)
{
	FILE *in = fopen(path, "re");
	json_error_t error;

	if (!in)
		return verb_failed(make_one, "plan '%s' cannot be read: %s",
				   path, strerrordesc_np(errno));
	file->path = path;
	file->json = json_loadf(in, JSON_REJECT_DUPLICATES, &error);
	(void)fclose(in);
	if (!file->json)
		return verb_failed(make_one,
				   "plan '%s' is damaged, or is none: line %d: "
				   "%s",
				   path, error.line, error.text);
	return check_content(file);
}

const char *plan_file_verb(const struct plan_file *file)
{
	return text_at(file->json, "verb");
}

static char *word_of(const char *name, const char *value)
{
	struct buf word = { 0 };

	buf_printf(&word, "%s%s%s", name, value ? "=" : "", value ? value : "");
	buf_add(&word, "", 1);
	return word.p;
}

char **plan_file_words(const struct plan_file *file, int *ret_n)
{
	json_t *options = json_object_get(file->json, "options"), *value;
	json_t *operands = json_object_get(file->json, "operands");
	size_t n = 0, n_max = json_object_size(options) +
			      json_array_size(operands) + 2;
	char **words = xcalloc(n_max, sizeof(*words));
	const char *name;
	size_t i;

	words[n++] = xstrdup(plan_file_verb(file));
	json_object_foreach(options, name, value) words[n++] =
		word_of(name, json_string_value(value));
	words[n++] = xstrdup("--");
	json_array_foreach(operands, i, value) words[n++] =
		xstrdup(json_string_value(value));
	*ret_n = (int)n;
	return words;
}

int plan_file_check_place(const struct verb *verb)
{
	const struct verb_session *session = &verb->session;
	const struct {
		const char *key, *here;
	} rows[] = {
		{ "brokers", verb->conf.brokers },
		{ "suffix", verb->suffix },
		{ "schema", verb->schema },
		{ "database", *session->cluster ? session->database : NULL },
		{ "cluster", *session->cluster ? session->cluster : NULL },
	};
	const json_t *place;

	if (!verb->file || !verb->file->json)
		return 0;
	place = json_object_get(verb->file->json, "where");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *there = text_at(place, rows[i].key);

		if (!rows[i].here || !strcmp(there, rows[i].here))
			continue;
		return verb_failed(
			"apply it where it was made: --run, or the settings "
			"that overlord --help lists, say where that is",
			"plan '%s' was made for the %s '%s', and here it is "
			"'%s'",
			verb->file->path, rows[i].key, there, rows[i].here);
	}
	return 0;
}

/* ---- comparing ---- */

/* What two steps are compared by; @what NULL: there is no step. */
struct compared {
	const char *what, *now, *then;
};

static struct compared in_file(const json_t *step)
{
	bool fixed = json_object_get(step, "fixed_now") != NULL;
	const char *then = json_string_value(json_object_get(step, "then"));

	return (struct compared){
		step ? text_at(step, "what") : NULL,
		text_at(step, fixed ? "fixed_now" : "now"),
		then && fixed ? text_at(step, "fixed_then") : then,
	};
}

static struct compared in_plan(const struct plan *plan, size_t i)
{
	const struct plan_step *step = &plan->steps[i];

	if (i >= plan->n_steps)
		return (struct compared){ NULL, NULL, NULL };
	if (!step->fixed_now)
		return (struct compared){ step->what, step->now,
					  then_of(step) };
	return (struct compared){ step->what, step->fixed_now,
				  step->needed ? step->fixed_then : NULL };
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* "'left': 'off', then 'on'" */
static void put_words(struct buf *buf, const struct compared *step)
{
	if (!step->what)
		buf_text(buf, "nothing");
	else if (step->then)
		buf_printf(buf, "'%s': '%s', then '%s'", step->what, step->now,
			   step->then);
	else
		buf_printf(buf, "'%s': '%s', and so it stays", step->what,
			   step->now);
}

static int stale(const struct plan_file *file, size_t i,
		 const struct compared *planned, const struct compared *found)
{
	struct buf words = { 0 };
	int r;

	put_words(&words, planned);
	buf_text(&words, "; and now it would be ");
	put_words(&words, found);
	buf_add(&words, "", 1);
	r = verb_failed("nothing was changed; make the plan anew",
			"plan '%s' is stale: step %zu was planned as %s",
			file->path, i + 1, words.p);
	buf_deinit(&words);
	return r;
}

int plan_file_compare(const struct plan_file *file, const struct plan *plan)
{
	const json_t *steps;
	size_t n;

	if (!file || !file->json)
		return 0;
	steps = json_object_get(file->json, "steps");
	n = json_array_size(steps);
	if (n < plan->n_steps)
		n = plan->n_steps;
	for (size_t i = 0; i < n; i++) {
		struct compared planned = in_file(json_array_get(steps, i));
		struct compared found = in_plan(plan, i);

		if (!same(planned.what, found.what) ||
		    !same(planned.now, found.now) ||
		    !same(planned.then, found.then))
			return stale(file, i, &planned, &found);
	}
	return 0;
}

void plan_file_audit(const struct plan_file *file, const char *what,
		     struct buf *ret)
{
	size_t n = strlen(what);

	assert(n > 2 && what[n - 1] == '}');
	if (file && file->json) {
		buf_add(ret, what, n - 1);
		buf_text(ret, ", \"plan\": {");
		buf_json_pair(ret, "digest", text_of(file->digest));
		buf_json_pair(ret, "who", text_of(text_at(file->json, "who")));
		buf_json_pair(ret, "at", text_of(text_at(file->json, "at")));
		buf_text(ret, "}}");
	} else {
		buf_add(ret, what, n);
	}
	buf_add(ret, "", 1);
}
