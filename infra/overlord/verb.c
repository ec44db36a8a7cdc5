/* SPDX-License-Identifier: MIT */
/* Verb: what the verbs share; see verb.h. Main thread. */
#include "infra/overlord/verb.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/text/str.h"
#include "infra/overlord/plan/plan_file.h"

#define FIRST_ANSWER_MS INT64_C(4000)

#define SQL(name_, n_args_, text_, ...)                                        \
	const struct pg_statement sql_##name_ = { .name = #name_,              \
						  .sql = (text_),              \
						  .n_args = (n_args_) };
#include "infra/overlord/sql.def"
#undef SQL

void verb_deinit(struct verb *verb)
{
	verb->pg = pg_free(verb->pg);
	for (size_t i = 0; i < VERB_STATEMENTS_MAX; i++)
		pg_args_deinit(&verb->args[i]);
}

int verb_failed(const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out_say_args(format, args);
	va_end(args);
	if (hint)
		out_hint("%s", hint);
	return VERB_E_FAILED;
}

int verb_usage(const struct verb *verb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out_say_args(format, args);
	va_end(args);
	out_hint("usage: overlord %s %s", verb->name, verb->arguments);
	return VERB_E_USAGE;
}

/* ---- servers ---- */

int64_t verb_first_ms(const struct verb *verb)
{
	return verb->conf.timeout_ms < FIRST_ANSWER_MS ? verb->conf.timeout_ms
						       : FIRST_ANSWER_MS;
}

/* What a plan that is saved or applied, and a commit whose answer is lost, need
 * to know. PG_E_*. */
static int read_session(struct verb *verb)
{
	struct verb_session *session = &verb->session;
	int i, r;

	if (!options_named(verb->arguments, "--execute"))
		return 0;
	i = verb_add(verb, &sql_session_read, NULL);
	r = verb_try(verb, verb_first_ms(verb));
	if (r)
		return r;
	session->pid = pg_backend_pid(verb->pg);
	(void)str_copy(session->database, sizeof(session->database),
		       verb_cell(verb, i, 0, 0));
	(void)str_copy(session->cluster, sizeof(session->cluster),
		       verb_cell(verb, i, 0, 1));
	(void)str_copy(session->began, sizeof(session->began),
		       verb_cell(verb, i, 0, 2));
	return 0;
}

static int connect_within(const struct verb *verb, struct pg **ret,
			  int64_t timeout_ms, char *error)
{
	char application[64];
	struct pg_params params = {
		.url = verb->conf.database_url,
		.schema = verb->schema,
		.application_name = application,
		.timeout_ms = timeout_ms,
	};

	(void)snprintf(application, sizeof(application), "overlord %.30s %.20s",
		       verb->name, verb->who);
	return pg_connect(ret, &params, error);
}

int verb_reconnect(struct verb *verb, int64_t timeout_ms)
{
	int r;

	verb->pg = pg_free(verb->pg);
	r = connect_within(verb, &verb->pg, timeout_ms, NULL);
	return r ? r : read_session(verb);
}

int verb_connect_another(const struct verb *verb, struct pg **ret)
{
	char error[256] = "";
	int r = connect_within(verb, ret, verb_first_ms(verb), error);

	switch (r) {
	case PG_E_LOST:
	case PG_E_SQL:
		return verb_failed(
			"DATABASE_URL says where it is; --run takes it from a "
			"make run's folder",
			"no session with Postgres: %s", error);
	default:
		return r;
	}
}

int verb_connect(struct verb *verb)
{
	int r = verb_connect_another(verb, &verb->pg);

	if (r)
		return r;
	r = read_session(verb);
	return r ? verb_pg_failed(verb, r, "session")
		 : plan_file_check_place(verb);
}

int verb_kafka(const struct verb *verb, struct kafka_admin **ret)
{
	return kafka_admin_new(ret, verb->conf.brokers, "overlord",
			       verb_first_ms(verb));
}

int verb_kafka_failed(const struct verb *verb, int r,
		      const struct kafka_admin *admin, const char *what)
{
	switch (r) {
	case KAFKA_ADMIN_E_AWAY:
		return verb_failed(
			"KAFKA_BROKERS says where it is; --run takes it from a "
			"make run's folder",
			"%s: no answer from Kafka at '%s': %s", what,
			verb->conf.brokers, kafka_admin_error(admin));
	case KAFKA_ADMIN_E_REFUSED:
	case KAFKA_ADMIN_E_OPEN:
		return verb_failed(NULL, "%s: Kafka refused: %s", what,
				   kafka_admin_error(admin));
	default:
		return r;
	}
}

/* ---- statements ---- */

static void put_value(struct pg_args *args, const struct value *value)
{
	struct buf *buf = pg_arg(args);

	switch (value->kind) {
	case VALUE_TEXT:
		pg_put_text(buf, value->p, value->p ? strlen(value->p) : 0);
		break;
	case VALUE_I64:
		pg_put_i64(buf, value->number);
		break;
	case VALUE_BOOL:
		pg_put_bool(buf, value->number);
		break;
	case VALUE_UUID:
		pg_put_uuid(buf, value->p);
		break;
	}
}

int verb_add(struct verb *verb, const struct pg_statement *statement,
	     const struct value *values)
{
	struct pg_args *args = &verb->args[verb->n_args];

	assert(verb->n_args < VERB_STATEMENTS_MAX);
	verb->n_args++;
	pg_args_reset(args);
	for (int i = 0; i < statement->n_args; i++)
		put_value(args, &values[i]);
	return pg_add(verb->pg, statement, args);
}

int verb_try(struct verb *verb, int64_t timeout_ms)
{
	verb->n_args = 0;
	return pg_run(verb->pg, timeout_ms);
}

int verb_send(struct verb *verb, const char *what)
{
	int r = verb_try(verb, verb->conf.timeout_ms);

	return r ? verb_pg_failed(verb, r, what) : 0;
}

int verb_lock(struct verb *verb, const struct pg_statement *statement,
	      const struct value *values, const char *what, int *ret)
{
	int r = verb->pg ? 0 : verb_connect(verb);

	if (r)
		return r;
	(void)verb_add(verb, &pg_begin, NULL);
	*ret = verb_add(verb, statement, values);
	return verb_send(verb, what);
}

int verb_exec(struct verb *verb, const char *sql, const char *what)
{
	int r = pg_exec(verb->pg, sql, verb->conf.timeout_ms);

	return r ? verb_pg_failed(verb, r, what) : 0;
}

static void say_hint(const char *sqlstate)
{
	static const struct {
		const char *sqlstate, *hint;
	} hints[] = {
		{ "42P01", "overlord migrate up --execute makes the tables; if "
			   "they are there, the role of DATABASE_URL may not "
			   "see them" },
		{ "42703", "overlord migrate up --execute makes the columns" },
		{ "3F000", "overlord migrate up --execute makes the tables" },
		{ "42883",
		  "overlord migrate up --execute makes the functions" },
		{ "42501", "the role of DATABASE_URL may not do this" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (!strcmp(sqlstate, hints[i].sqlstate))
			out_hint("%s", hints[i].hint);
}

int verb_pg_failed(const struct verb *verb, int r, const char *what)
{
	switch (r) {
	case PG_E_LOST:
		return verb_failed(
			"DATABASE_URL says where it is, OVERLORD_TIMEOUT_MS "
			"how long it may take to answer",
			"%s: the session with Postgres was lost: %s", what,
			pg_message(verb->pg));
	case PG_E_SQL:
		out_say("%s: %s (%s)", what, pg_message(verb->pg),
			pg_sqlstate(verb->pg));
		say_hint(pg_sqlstate(verb->pg));
		return VERB_E_FAILED;
	default:
		return r;
	}
}

/* ---- reading ---- */

int verb_list(struct verb *verb, const struct listing *listing,
	      const struct value *values)
{
	CLEANUP(out_freep)
	struct out *out =
		out_new(listing->name, verb->options.json, listing->columns);
	int i, n_rows, r = verb->pg ? 0 : verb_connect(verb);

	if (r)
		return r;
	i = verb_add(verb, listing->statement, values);
	r = verb_send(verb, listing->name);
	if (r)
		return r;
	out_rows(out, verb->pg, i);
	n_rows = pg_n_rows(verb->pg, i);
	if (!n_rows)
		out_say("%s", listing->none);
	else if (n_rows == listing->limit)
		out_say("these are the %s %" PRId64 ", --limit shows more",
			listing->which, listing->limit);
	return out_print(out);
}

static int by_number(struct verb *verb, const char *word, int64_t number,
		     struct order_id *ret)
{
	int i = verb_add(verb, &sql_order_by_number, VALUES(value_i64(number)));
	int r = verb_send(verb, "order");

	if (r)
		return r;
	if (pg_n_rows(verb->pg, i) != 1)
		return verb_failed(
			NULL, "%s order has the number '%s'",
			pg_n_rows(verb->pg, i) ? "more than one" : "no", word);
	memcpy(ret->bytes, verb_cell(verb, i, 0, 0), sizeof(ret->bytes));
	return 0;
}

bool verb_is_call_code(const char *word)
{
	return strlen(word) == CALL_CODE_CHARS &&
	       ((word[0] >= 'A' && word[0] <= 'Z') ||
		(word[0] >= 'a' && word[0] <= 'z')) &&
	       strspn(word + 1, "0123456789") == CALL_CODE_CHARS - 1;
}

int verb_order(struct verb *verb, const char *word, struct order_id *ret)
{
	int64_t number;

	if (!order_id_parse(ret, word, strlen(word)))
		return 0;
	if (!str_to_i64(&number, word, 0, INT64_MAX))
		return by_number(verb, word, number, ret);
	if (verb_is_call_code(word)) {
		out_say("'%s' is a call code, which more than one order may "
			"have",
			word);
		out_hint("overlord trace %s lists the newest of them", word);
		return VERB_E_FAILED;
	}
	return verb_usage(verb, "order '%s' is neither an id nor a number",
			  word);
}

/* ---- names ---- */

bool verb_right_text(struct text text, size_t max_chars)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	return text.n && text_is_clean(text) &&
	       !text_is_longer(text, max_chars);
}

int verb_topic(const struct verb *verb, enum topic_id id,
	       char ret[TOPIC_NAME_BYTES])
{
	if (topic_name(ret, id, verb->suffix))
		return verb_usage(verb, "suffix '%s' is too long",
				  verb->suffix);
	return 0;
}
