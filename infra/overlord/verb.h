/* SPDX-License-Identifier: MIT */
/*
 * Verb: one run of a verb: what it is given, and what all verbs share.
 *
 * A verb's function says on stderr why it failed; main() only turns what it
 * returns into the exit status. It has one session with Postgres. Statements
 * are added with their values, and go out together in one message:
 *
 *	(void)verb_add(verb, &pg_begin, NULL);
 *	i = verb_add(verb, &stock_lock, VALUES(value_text(stall)));
 *	r = verb_send(verb, "stock");
 *	if (!r)
 *		quantity = pg_i64(verb->pg, i, 0, 0);
 */
#ifndef OVERLORD_VERB_H
#define OVERLORD_VERB_H

#include <stdbool.h>

#include "infra/lib/kafka/kafka_admin.h"
#include "infra/lib/postgres/pg.h"
#include "infra/lib/text/text.h"
#include "infra/overlord/cli.h"
#include "infra/overlord/out.h"
#include "schemas/order_id.h"
#include "schemas/topics.h"

enum verb_outcome {
	VERB_E_FAILED = 1,
	VERB_E_USAGE = 2,
};

enum { VERB_STATEMENTS_MAX = 8 };

/* Of which database a session is, and which one of its server's it is. Of a
 * verb without --execute nobody needs to know. */
struct verb_session {
	char database[64], cluster[24], began[32];
	int pid;
};

struct plan_file;

struct verb {
	const char *name;      /* "grill set" */
	const char *arguments; /* of its row */
	struct conf conf;
	struct options options;
	const char *who, *schema, *suffix;
	struct pg *pg; /* after verb_connect() */
	struct verb_session session;
	/* Of the audit row that the next plan_commit() commits. */
	uint8_t token[UUID_BYTES];
	bool has_token;
	/* The plan that is saved or applied, plan_file.h. NULL: as in a test,
	 * neither. */
	struct plan_file *file;
	/* Of the message that is put together. */
	struct pg_args args[VERB_STATEMENTS_MAX];
	size_t n_args;
};

void verb_deinit(struct verb *verb);

#define VERB(name, function, ...) int cmd_##function(struct verb *verb);
#include "infra/overlord/overlord.def"
#undef VERB

/* Says it, and the hint if there is one; VERB_E_FAILED. */
int verb_failed(const char *hint, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Says it, with the verb's usage; VERB_E_USAGE. */
int verb_usage(const struct verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- servers ---- */

/* How long a server's first answer may take: one that is away is soon known
 * to be. */
int64_t verb_first_ms(const struct verb *verb);

/* VERB_E_FAILED: no session; it has been said. */
int verb_connect(struct verb *verb);
/* The same for one more session, which the caller frees. */
int verb_connect_another(const struct verb *verb, struct pg **ret);

/* A new session in place of one that was lost, without a word; pg is NULL when
 * there is none: PG_E_*. */
int verb_reconnect(struct verb *verb, int64_t timeout_ms);

/* A handle of the brokers, whose first answer may take verb_first_ms(). */
int verb_kafka(const struct verb *verb, struct kafka_admin **ret);
/* Says after @what which outcome @admin met; VERB_E_FAILED. Faults pass
 * unchanged. */
int verb_kafka_failed(const struct verb *verb, int r,
		      const struct kafka_admin *admin, const char *what);

/* Every statement of overlord: sql_grill_lock and others. */
#define SQL(name, ...) extern const struct pg_statement sql_##name;
#include "infra/overlord/sql.def"
#undef SQL

/* A parameter of a statement; a text that is NULL or empty is SQL's NULL. What
 * else there is, JSON and other types of numbers, the statement casts to. */
struct value {
	enum { VALUE_TEXT, VALUE_I64, VALUE_BOOL, VALUE_UUID } kind;
	const void *p;
	int64_t number;
};

#define VALUES(...) ((const struct value[]){ __VA_ARGS__ })

static inline struct value value_text(const char *text)
{
	return (struct value){ VALUE_TEXT, text, 0 };
}

static inline struct value value_i64(int64_t number)
{
	return (struct value){ VALUE_I64, NULL, number };
}

static inline struct value value_bool(bool value)
{
	return (struct value){ VALUE_BOOL, NULL, value };
}

static inline struct value value_uuid(const uint8_t uuid[UUID_BYTES])
{
	return (struct value){ VALUE_UUID, uuid, 0 };
}

static inline struct value value_order(const struct order_id *id)
{
	return (struct value){ VALUE_UUID, id->bytes, 0 };
}

/* Adds a statement to the message. Copies its values, as many as it has
 * parameters. Gives the statement's index. */
int verb_add(struct verb *verb, const struct pg_statement *statement,
	     const struct value *values);
/*
 * Runs the message, for as long as a server may take. Says why it failed,
 * after @what; VERB_E_FAILED.
 */
int verb_send(struct verb *verb, const char *what);
/* The same with a time, and without a word: PG_E_*. */
int verb_try(struct verb *verb, int64_t timeout_ms);
/*
 * Connects, begins a transaction and runs a statement in it that locks rows;
 * @ret is the statement's index. Says why it failed, after @what.
 */
int verb_lock(struct verb *verb, const struct pg_statement *statement,
	      const struct value *values, const char *what, int *ret);
/* Runs SQL without results; says why it failed, after @what. */
int verb_exec(struct verb *verb, const char *sql, const char *what);
/* Says what the last pg call met; VERB_E_FAILED. Faults pass unchanged. */
int verb_pg_failed(const struct verb *verb, int r, const char *what);

/* A text of the last results, "" for NULL; borrowed until the next message. */
static inline const char *verb_cell(const struct verb *verb, int statement,
				    int row, int column)
{
	size_t n;

	return pg_bytes(verb->pg, statement, row, column, &n);
}

/* ---- reading ---- */

/* A statement whose rows are a verb's answer. */
struct listing {
	const char *name; /* of the table */
	const struct pg_statement *statement;
	const struct out_column *columns;
	/* Said of no rows, and of as many as @limit: "newest", "first". */
	const char *none;
	const char *which;
	int64_t limit; /* 0: none */
};

/* Connects, runs it and prints the answer. */
int verb_list(struct verb *verb, const struct listing *listing,
	      const struct value *values);

/* "K042", in either case? */
bool verb_is_call_code(const char *word);

/*
 * Which order a person means: an id as it is, known or not, or a number, which
 * must be an order's. A call code may be several orders': it is refused.
 */
int verb_order(struct verb *verb, const char *word, struct order_id *ret);

/* ---- names ---- */

/* What a person may call something, and a record may carry: UTF-8 of 1 to
 * @max_chars characters, without control characters. */
bool verb_right_text(struct text text, size_t max_chars);

/* The topic's name with the suffix. VERB_E_USAGE: together they are too long.
 */
int verb_topic(const struct verb *verb, enum topic_id id,
	       char ret[TOPIC_NAME_BYTES]);

#endif
