/* SPDX-License-Identifier: MIT */
/*
 * Grill: the tables of grills and plates, which every jafflr reads.
 *
 * Plates are numbered from 0 on. Fewer plates than before are refused: a
 * plate has a token that must never fall, and may have a toastie on it.
 *
 * A grill that is disabled gets no more toasties; jafflr ends those that are
 * on it. One that has toasties on it is not removed: its plates are locked
 * before their intents are counted, and jafflr opens an intent only with its
 * plate locked, so none is opened meanwhile. Tokens may go with the rows: a
 * plate's next token is above what the plate itself has seen. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/text/str.h"
#include "infra/lib/text/text.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/verb.h"
#include "schemas/limits.h"

int cmd_grill_list(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "grill", OUT_TEXT },       { "address", OUT_TEXT },
		{ "unit", OUT_NUMBER },      { "stalls", OUT_TEXT },
		{ "enabled", OUT_BOOL },     { "reachable", OUT_TEXT },
		{ "last_seen", OUT_TIME },   { "silent_because", OUT_TEXT },
		{ "plates", OUT_NUMBER },    { "plates_out", OUT_NUMBER },
		{ "out_because", OUT_TEXT }, { NULL, 0 },
	};

	return verb_list(verb,
			 &(struct listing){ .name = "grills",
					    .statement = &sql_grill_all,
					    .columns = columns,
					    .none = "there are no grills" },
			 NULL);
}

/* ---- set ---- */

/* One that reads as one: no space in it. */
static bool right_name(struct text name)
{
	return name.n <= TEXT_MAX_CHARS && !memchr(name.p, ' ', name.n) &&
	       verb_right_text(name, TEXT_MAX_CHARS);
}

static bool right_stalls(const char *stalls)
{
	struct text rest = text_of(stalls);
	/* One after each comma, also the last. */
	bool more = true;

	while (more) {
		struct text name = text_cut(&rest, ',');

		if (!right_name(name))
			return false;
		more = name.p[name.n] == ',';
	}
	return true;
}

static bool right_address(const char *address)
{
	const char *colon = strrchr(address, ':');
	int64_t port;

	return colon &&
	       right_name(
		       (struct text){ address, (size_t)(colon - address) }) &&
	       !str_to_i64(&port, colon + 1, 1, 65535);
}

static int check_set(const struct verb *verb)
{
	const struct options *options = &verb->options;
	const char *name = options->operands[0];

	if (!options->address || options->plates < 0)
		return verb_usage(verb, "set wants --address and --plates");
	if (!right_name(text_of(name)))
		return verb_usage(verb,
				  "grill '%s' is no name: 1 to %d bytes "
				  "without spaces",
				  name, TEXT_MAX_CHARS);
	if (options->unit > 247 && options->unit < 255)
		return verb_usage(verb,
				  "unit %" PRId64 " can be no grill's: "
				  "Modbus reserves 248 to 254",
				  options->unit);
	if (!right_address(options->address))
		return verb_usage(verb, "address '%s' is not host:port",
				  options->address);
	if (options->stalls && !right_stalls(options->stalls))
		return verb_usage(verb,
				  "stalls '%s' are no names with commas "
				  "between",
				  options->stalls);
	return 0;
}

/* How it is in words is in @grill, if it is there, and how it will be in
 * @words: statements of the last message. */
static int set_locked(struct verb *verb, int grill, int words,
		      const char *stalls)
{
	const struct options *options = &verb->options;
	const char *name = options->operands[0];
	bool there = pg_n_rows(verb->pg, grill) > 0;
	const char *now = there ? verb_cell(verb, grill, 0, 0) : "missing";
	const char *then = verb_cell(verb, words, 0, 0);
	int64_t n_plates = there ? pg_i64(verb->pg, grill, 0, 1) : 0;

	if (options->plates < n_plates)
		return verb_failed(NULL,
				   "grill '%s' has %" PRId64 " plates and "
				   "would have %" PRId64 ": plates are never "
				   "taken away",
				   name, n_plates, options->plates);
	return change_run(
		verb,
		&(struct change){
			.what = name,
			.now = now,
			.then = strcmp(now, then) ? then : NULL,
			.key = "grill",
			.before = there ? verb_cell(verb, grill, 0, 2) : NULL,
			.statement = &sql_grill_write,
			.values = VALUES(
				value_text(name), value_text(options->address),
				value_i64(options->unit), value_text(stalls),
				value_i64(options->plates)) });
}

int cmd_grill_set(struct verb *verb)
{
	const struct options *options = &verb->options;
	const char *name = options->operands[0], *stalls = options->stalls;
	int grill, words, r = check_set(verb);

	if (stalls && !strcmp(stalls, "all"))
		stalls = NULL;
	if (!r)
		r = verb_connect(verb);
	if (r)
		return r;
	(void)verb_add(verb, &pg_begin, NULL);
	grill = verb_add(verb, &sql_grill_lock, VALUES(value_text(name)));
	words = verb_add(
		verb, &sql_grill_words,
		VALUES(value_text(options->address), value_i64(options->unit),
		       value_i64(options->plates), value_text(stalls)));
	r = verb_send(verb, name);
	return r ? r : set_locked(verb, grill, words, stalls);
}

/* ---- enable, disable, remove ---- */

enum use { ENABLED, DISABLED, REMOVED };

static const char *const uses[] = {
	[ENABLED] = "enabled",
	[DISABLED] = "disabled",
	[REMOVED] = "not there",
};

/* How many toasties are on it: the row of @toasties_on. */
static int check_toasties(const struct verb *verb, int i, enum use use)
{
	int64_t n = pg_i64(verb->pg, i, 0, 0);

	if (n && use == REMOVED)
		return verb_failed(
			"overlord grill disable lets it get no more; overlord "
			"toastie list shows those on it, overlord toastie "
			"resolve decides an uncertain one",
			"grill '%s' has %" PRId64 " toasties on it, %" PRId64
			" of them uncertain",
			verb->options.operands[0], n,
			pg_i64(verb->pg, i, 0, 1));
	if (n)
		out_say("%" PRId64 " toasties are on it and are ended first",
			n);
	return 0;
}

static int change_use(struct verb *verb, int grill, enum use use)
{
	const char *name = verb->options.operands[0];
	enum use now = pg_bool(verb->pg, grill, 0, 3) ? ENABLED : DISABLED;

	return change_run(
		verb, &(struct change){
			      .what = name,
			      .now = uses[now],
			      .then = now == use ? NULL : uses[use],
			      .key = "grill",
			      .before = verb_cell(verb, grill, 0, 2),
			      .statement = use == REMOVED ? &sql_grill_delete
							  : &sql_grill_use,
			      .values = VALUES(value_text(name),
					       value_bool(use == ENABLED)) });
}

static int use_grill(struct verb *verb, enum use use)
{
	const char *name = verb->options.operands[0];
	struct value value = value_text(name);
	int grill, on = 0, r = verb_connect(verb);

	if (r)
		return r;
	(void)verb_add(verb, &pg_begin, NULL);
	grill = verb_add(verb, &sql_grill_lock, &value);
	if (use == REMOVED)
		(void)verb_add(verb, &sql_plates_lock, &value);
	if (use != ENABLED)
		on = verb_add(verb, &sql_toasties_on, &value);
	r = verb_send(verb, name);
	if (r)
		return r;
	if (!pg_n_rows(verb->pg, grill))
		return verb_failed(
			"overlord grill list shows those that there are",
			"there is no grill '%s'", name);
	if (use != ENABLED)
		r = check_toasties(verb, on, use);
	return r ? r : change_use(verb, grill, use);
}

int cmd_grill_enable(struct verb *verb)
{
	return use_grill(verb, ENABLED);
}

int cmd_grill_disable(struct verb *verb)
{
	return use_grill(verb, DISABLED);
}

int cmd_grill_remove(struct verb *verb)
{
	return use_grill(verb, REMOVED);
}
