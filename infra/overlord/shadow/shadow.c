/* SPDX-License-Identifier: MIT */
/* Shadow: the SQL that makes one. The names of live tables have no schema. */
#include "infra/overlord/shadow/shadow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "infra/lib/text/str.h"
#include "infra/overlord/migrations/migrations.h"

/* Rows that are copied in one transaction, and how long all of them
 * may take. */
#define CHUNK_ROWS "20000"
#define COPY_TIMEOUT_MS INT64_C(3600000)

/* ---- how it is ---- */

static bool is_among(const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(*names, SHADOW_SERVICE))
			return true;
	return false;
}

int shadow_open_topics(struct shadow *shadow)
{
	const char *suffix = shadow->verb->suffix;
	char whole[TOPIC_NAME_BYTES];
	int32_t n_partitions;
	int r = verb_kafka(shadow->verb, &shadow->admin);

	if (r)
		return r;
	if ((size_t)snprintf(whole, sizeof(whole), "%s" SHADOW_SUFFIX,
			     suffix) >= sizeof(whole))
		return verb_usage(shadow->verb, "suffix '%s' is too long",
				  suffix);
	for (size_t i = 0; !r && i < N_TOPICS; i++) {
		if (is_among(topic_table[i].readers))
			(void)topic_name(shadow->inputs[i], topic_table[i].id,
					 suffix);
		if (!is_among(topic_table[i].writers))
			continue;
		if (topic_name(shadow->topics[i], topic_table[i].id, whole))
			return verb_usage(shadow->verb,
					  "suffix '%s' is too long", suffix);
		r = kafka_admin_partitions(shadow->admin, shadow->topics[i],
					   &n_partitions);
		shadow->topic_is_there[i] = !r && n_partitions;
	}
	(void)snprintf(shadow->group, sizeof(shadow->group),
		       SHADOW_SERVICE "." SHADOW_COLOUR "%s", whole);
	if (r)
		return verb_kafka_failed(shadow->verb, r, shadow->admin,
					 "topics");
	kafka_admin_timeout(shadow->admin, shadow->verb->conf.timeout_ms);
	return 0;
}

int shadow_open(struct shadow *shadow, struct verb *verb)
{
	int i, r;

	*shadow = (struct shadow){ .verb = verb };
	if (!strcmp(verb->schema, SHADOW_SCHEMA))
		return verb_usage(verb, "schema '" SHADOW_SCHEMA
					"' is the shadow's; --schema and "
					"DB_SCHEMA name the live one");
	r = verb_connect(verb);
	if (r)
		return r;
	i = verb_add(verb, &sql_shadow_look, NULL);
	r = verb_send(verb, "shadow");
	if (r)
		return r;
	shadow->schema = pg_bool(verb->pg, i, 0, 0);
	if (!str_copy(shadow->role, sizeof(shadow->role),
		      verb_cell(verb, i, 0, 1)))
		return verb_failed(NULL,
				   "role '%s' would have more than 63 "
				   "bytes: the database's name is too "
				   "long",
				   verb_cell(verb, i, 0, 1));
	(void)str_copy(shadow->role_quoted, sizeof(shadow->role_quoted),
		       verb_cell(verb, i, 0, 2));
	shadow->role_is_there = pg_bool(verb->pg, i, 0, 3);
	return 0;
}

int shadow_need(const struct shadow *shadow)
{
	if (shadow->schema)
		return 0;
	return verb_failed("overlord shadow start SERVICE --from DIR --execute",
			   "there is no shadow: schema '" SHADOW_SCHEMA
			   "' is not there");
}

void shadow_close(struct shadow *shadow)
{
	shadow->admin = kafka_admin_free(shadow->admin);
}

/* ---- the schema ---- */

/*
 * Instead of the tables of `control` the candidate has its own: one lane, and
 * its heartbeats. The tables that are named shadow_* are overlord's alone.
 * shadow_events is what the shadow's decisions have done to stock since the
 * cut.
 */
static const char tables_sql[] =
	"CREATE TABLE " SHADOW_SCHEMA ".shadow (program text NOT NULL, "
	"role text NOT NULL, password text, complete boolean NOT NULL, "
	"cut_at timestamptz NOT NULL DEFAULT now());"
	"CREATE TABLE " SHADOW_SCHEMA ".shadow_cut (topic text, partition int, "
	"begins bigint NOT NULL, PRIMARY KEY (topic, partition));"
	"CREATE TABLE " SHADOW_SCHEMA ".shadow_stock (LIKE stock);"
	"CREATE VIEW " SHADOW_SCHEMA ".shadow_events AS "
	"SELECT o.stall, " SHADOW_SCHEMA ".wide_name(i) AS ingredient, "
	"o.decided_at, "
	"-" SHADOW_SCHEMA ".wide_number(split_part(i, ' ', 1)) AS delta "
	"FROM " SHADOW_SCHEMA ".shadow_cut c JOIN " SHADOW_SCHEMA ".orders o "
	"ON c.topic = 'orders' AND o.partition = c.partition "
	"AND o.\"offset\" >= c.begins, string_to_table(o.items, ';') AS i "
	"WHERE o.verdict = 'p' "
	"UNION ALL SELECT s.stall, s.ingredient, s.decided_at, s.delta "
	"FROM " SHADOW_SCHEMA ".shadow_cut c "
	"JOIN " SHADOW_SCHEMA ".stock_changes s USING (topic, partition) "
	"WHERE s.\"offset\" >= c.begins;"
	"CREATE TABLE " SHADOW_SCHEMA ".lanes "
	"(LIKE control.lanes INCLUDING DEFAULTS);"
	"INSERT INTO " SHADOW_SCHEMA ".lanes (service, lane, kind, colour) "
	"VALUES ('" SHADOW_SERVICE "', 'stable', 'rest', '" SHADOW_COLOUR "');"
	"CREATE TABLE " SHADOW_SCHEMA ".heartbeats "
	"(LIKE control.heartbeats INCLUDING ALL);"
	"DELETE FROM " SHADOW_SCHEMA ".positions";

static int migrate(struct shadow *shadow)
{
	struct migrator migrator = {
		.verb = shadow->verb,
		.name = "service",
		.schema = SHADOW_SCHEMA,
	};
	int r = migration_folder(shadow->verb, migrator.dir);

	if (!r)
		r = migrator_load(&migrator);
	if (!r)
		r = migrator_read(&migrator);
	for (size_t i = 0; !r && i < migrator.n_rows; i++) {
		struct migrator_step step = {
			.migrator = &migrator,
			.row = &migrator.rows[i],
			.direction = UP,
			.from = (int64_t)i,
		};

		r = migrator_apply(&step);
		migrator_step_deinit(&step);
	}
	migrator_deinit(&migrator);
	return r;
}

int shadow_make_schema(struct shadow *shadow)
{
	struct verb *verb = shadow->verb;
	char sql[128];
	int r = migrate(shadow);

	if (r)
		return r;
	(void)snprintf(sql, sizeof(sql), "SET search_path = %s", verb->schema);
	r = verb_exec(verb, sql, verb->schema);
	if (!r)
		r = verb_exec(verb, tables_sql, SHADOW_SCHEMA);
	if (r)
		return r;
	(void)verb_add(
		verb, &sql_shadow_note,
		VALUES(value_text(shadow->program), value_text(shadow->role)));
	return verb_send(verb, SHADOW_SCHEMA);
}

/* ---- the role ---- */

/* A new one for each shadow. It stands in a table that only the owner reads,
 * and is of use for the shadow alone. */
static int make_password(char ret[33])
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static void role_sql(const struct shadow *shadow, const char *password,
		     struct buf *ret)
{
	const char *role = shadow->role_quoted;

	buf_printf(ret,
		   "BEGIN; %s ROLE %s LOGIN NOSUPERUSER NOCREATEDB "
		   "NOCREATEROLE CONNECTION LIMIT 16 PASSWORD '%s';",
		   shadow->role_is_there ? "ALTER" : "CREATE", role, password);
	/* So that its sessions can be ended, and all it may do be taken back.
	 */
	buf_printf(ret, "GRANT %s TO CURRENT_USER;", role);
	buf_printf(ret,
		   "GRANT USAGE ON SCHEMA " SHADOW_SCHEMA ", control TO %s;"
		   "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES "
		   "IN SCHEMA " SHADOW_SCHEMA " TO %s;"
		   "GRANT USAGE ON ALL SEQUENCES IN SCHEMA " SHADOW_SCHEMA
		   " TO %s;",
		   role, role, role);
	buf_printf(ret,
		   "REVOKE ALL ON " SHADOW_SCHEMA ".shadow, " SHADOW_SCHEMA
		   ".shadow_cut, " SHADOW_SCHEMA ".shadow_stock, " SHADOW_SCHEMA
		   ".shadow_events, " SHADOW_SCHEMA
		   ".schema_migrations, " SHADOW_SCHEMA
		   ".migrations_applied FROM %s;",
		   role);
	buf_printf(ret,
		   "GRANT SELECT ON " SHADOW_SCHEMA ".schema_migrations, "
		   "control.schema_migrations TO %s;"
		   "GRANT USAGE ON SEQUENCE control.epoch_seq TO %s;",
		   role, role);
	buf_printf(ret,
		   "UPDATE " SHADOW_SCHEMA ".shadow SET password = '%s';"
		   "COMMIT",
		   password);
	buf_add(ret, "", 1);
}

/* PUBLIC, or a role that everybody is in, may have been given more. */
static int check_role(struct shadow *shadow)
{
	struct verb *verb = shadow->verb;
	int i = verb_add(verb, &sql_shadow_writes,
			 VALUES(value_text(shadow->role)));
	int r = verb_send(verb, shadow->role);

	if (r || pg_null(verb->pg, i, 0, 0))
		return r;
	return verb_failed("take it from PUBLIC: REVOKE ... FROM PUBLIC",
			   "role '%s' could write what is not the shadow's: %s",
			   shadow->role, verb_cell(verb, i, 0, 0));
}

int shadow_make_role(struct shadow *shadow)
{
	char password[33];
	struct buf sql = { 0 };
	int r = make_password(password);

	if (r)
		return r;
	role_sql(shadow, password, &sql);
	r = verb_exec(shadow->verb, sql.p, shadow->role);
	buf_deinit(&sql);
	return r ? r : check_role(shadow);
}

/* ---- topics ---- */

int shadow_make_topic(struct shadow *shadow, enum topic_id id)
{
	const char *settings[32];
	const struct topic *topic = &topic_table[id];
	size_t n = 0;
	int r;

	for (const struct topic_setting *row = topic->settings;
	     row->name && n + 2 < sizeof(settings) / sizeof(settings[0]);
	     row++) {
		settings[n++] = row->name;
		settings[n++] = row->value;
	}
	settings[n] = NULL;
	r = kafka_admin_create(shadow->admin,
			       &(struct kafka_new_topic){
				       .name = shadow->topics[id],
				       .n_partitions = topic->partitions,
				       .n_replicas = -1,
				       .settings = settings,
			       });
	return r ? verb_kafka_failed(shadow->verb, r, shadow->admin,
				     shadow->topics[id])
		 : 0;
}

static int access_outcome(struct shadow *shadow, int r)
{
	if (!r)
		return 0;
	if (r != KAFKA_ADMIN_E_OPEN)
		return verb_kafka_failed(shadow->verb, r, shadow->admin,
					 SHADOW_PRINCIPAL);
	out_say("the brokers keep no ACLs: of topics, every client may write "
		"all");
	return 0;
}

int shadow_allow(struct shadow *shadow)
{
	struct kafka_acl acls[2 * N_TOPICS + 1] = { { .group =
							      shadow->group } };
	size_t n = 1;

	for (size_t i = 0; i < N_TOPICS; i++) {
		if (*shadow->inputs[i])
			acls[n++] =
				(struct kafka_acl){ .topic =
							    shadow->inputs[i] };
		if (*shadow->topics[i])
			acls[n++] =
				(struct kafka_acl){ .topic = shadow->topics[i],
						    .write = true };
	}
	return access_outcome(
		shadow,
		kafka_admin_allow(shadow->admin, SHADOW_PRINCIPAL, acls, n));
}

int shadow_disallow(struct shadow *shadow)
{
	return access_outcome(shadow, kafka_admin_delete_acls(
					      shadow->admin, SHADOW_PRINCIPAL));
}

/* ---- the copy ---- */

#define CHANGE_COLUMNS                                                         \
	"source, event_id, ingredient, stall, kind, delta, order_id, topic, "  \
	"partition, \"offset\", decided_at, traceparent, tracestate, counted"

/*
 * One snapshot, short: it reads the tables that are small, and of the others
 * what stands behind the cut. That is little: what lanes that are ahead of
 * others have decided. The shadow finds those rows, and takes them for repeats.
 */
static const char cut_sql[] =
	"BEGIN ISOLATION LEVEL REPEATABLE READ;"
	"SET LOCAL statement_timeout = '50s';"
	"INSERT INTO " SHADOW_SCHEMA ".shadow_cut "
	"SELECT topic, partition, min(next_offset) FROM positions p "
	"JOIN control.lanes l USING (service, lane) "
	"WHERE service = '" SHADOW_SERVICE "' AND l.ended_at IS NULL "
	"GROUP BY 1, 2;"
	"INSERT INTO " SHADOW_SCHEMA ".stock SELECT * FROM stock;"
	"INSERT INTO " SHADOW_SCHEMA ".orders SELECT o.* FROM orders o "
	"JOIN " SHADOW_SCHEMA ".shadow_cut c ON c.topic = 'orders' "
	"AND o.partition = c.partition AND o.\"offset\" >= c.begins;"
	"INSERT INTO " SHADOW_SCHEMA ".stock_changes (" CHANGE_COLUMNS ") "
	"SELECT " CHANGE_COLUMNS " FROM stock_changes s "
	"JOIN " SHADOW_SCHEMA ".shadow_cut c USING (topic, partition) "
	"WHERE s.\"offset\" >= c.begins;"
	"INSERT INTO " SHADOW_SCHEMA ".shadow_stock "
	"SELECT stall, ingredient, quantity - coalesce(taken, 0) FROM stock "
	"LEFT JOIN (SELECT stall, ingredient, sum(delta) AS taken "
	"FROM " SHADOW_SCHEMA ".shadow_events GROUP BY 1, 2) e "
	"USING (stall, ingredient);"
	"INSERT INTO " SHADOW_SCHEMA ".positions (service, lane, topic, "
	"partition, colour, next_offset, emitted_offset) "
	"SELECT '" SHADOW_SERVICE "', 'stable', topic, partition, "
	"'" SHADOW_COLOUR "', begins, begins "
	"FROM " SHADOW_SCHEMA ".shadow_cut;"
	"COMMIT";

/* What was decided before the cut, a transaction for each chunk. */
static const char order_chunks_sql[] =
	"DO $$ DECLARE\n"
	"from_id uuid := '00000000-0000-0000-0000-000000000000';\n"
	"to_id uuid;\n"
	"BEGIN LOOP\n"
	"SELECT order_id INTO to_id FROM orders WHERE order_id > from_id "
	"ORDER BY order_id OFFSET " CHUNK_ROWS " LIMIT 1;\n"
	"INSERT INTO " SHADOW_SCHEMA ".orders SELECT o.* FROM orders o "
	"JOIN " SHADOW_SCHEMA ".shadow_cut c ON c.topic = 'orders' "
	"AND o.partition = c.partition AND o.\"offset\" < c.begins "
	"WHERE o.order_id > from_id "
	"AND (to_id IS NULL OR o.order_id <= to_id) ON CONFLICT DO NOTHING;\n"
	"COMMIT;\n"
	"EXIT WHEN to_id IS NULL;\n"
	"from_id := to_id;\n"
	"END LOOP; END $$";

static const char change_chunks_sql[] =
	"DO $$ DECLARE from_key bytea := ''; to_key bytea;\n"
	"BEGIN LOOP\n"
	"SELECT event_key INTO to_key FROM stock_changes "
	"WHERE event_key > from_key "
	"ORDER BY event_key OFFSET " CHUNK_ROWS " LIMIT 1;\n"
	"INSERT INTO " SHADOW_SCHEMA ".stock_changes (" CHANGE_COLUMNS ") "
	"SELECT " CHANGE_COLUMNS " FROM stock_changes s "
	"JOIN " SHADOW_SCHEMA ".shadow_cut c USING (topic, partition) "
	"WHERE s.\"offset\" < c.begins AND s.event_key > from_key "
	"AND (to_key IS NULL OR s.event_key <= to_key) "
	"ON CONFLICT DO NOTHING;\n"
	"COMMIT;\n"
	"EXIT WHEN to_key IS NULL;\n"
	"from_key := to_key;\n"
	"END LOOP; END $$";

/*
 * What the rows of before have had done to them behind the cut is undone: the
 * shadow decides it again. A text that was changed by hand is left alone.
 */
static const char undo_sql[] =
	"BEGIN;"
	"UPDATE " SHADOW_SCHEMA ".orders o SET cancelled_position = NULL, "
	"cancelled_at = NULL, cancel_trace = NULL, cancel_tracestate = NULL "
	"FROM " SHADOW_SCHEMA ".shadow_cut c "
	"WHERE o.cancelled_position ~ '^orders/[0-9]{1,5}@[0-9]{1,18}$' "
	"AND c.topic = 'orders' AND starts_with(o.cancelled_position, "
	"format('orders/%s@', c.partition)) "
	"AND split_part(o.cancelled_position, '@', 2)::bigint >= c.begins;"
	"UPDATE " SHADOW_SCHEMA ".orders o "
	"SET returned_event = NULL, returned_at = NULL "
	"WHERE returned_event IS NOT NULL AND NOT EXISTS (SELECT "
	"FROM " SHADOW_SCHEMA ".stock_changes s "
	"WHERE s.order_id = o.order_id AND s.kind = 'returned');"
	"UPDATE " SHADOW_SCHEMA ".shadow SET complete = true;"
	"COMMIT; ANALYZE " SHADOW_SCHEMA ".orders, " SHADOW_SCHEMA ".stock";

int shadow_copy_before(struct shadow *shadow)
{
	const char *const parts[] = { order_chunks_sql, change_chunks_sql,
				      undo_sql };
	struct verb *verb = shadow->verb;
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = pg_exec(verb->pg, parts[i], COPY_TIMEOUT_MS);
	return r ? verb_pg_failed(verb, r, "copy") : 0;
}

int shadow_copy(struct shadow *shadow)
{
	int r = verb_exec(shadow->verb, cut_sql, "cut");

	return r ? r : shadow_copy_before(shadow);
}

/* ---- the candidate ---- */

static int put(const char *name, const char *value)
{
	return setenv(name, value, 1) ? -errno : 0;
}

/* The later of two users wins. */
static int put_url(const struct shadow *shadow)
{
	const char *url = shadow->verb->conf.database_url;
	const char *separator = " ";
	char whole[4096];

	if (strstr(url, "://"))
		separator = strchr(url, '?') ? "&" : "?";
	if ((size_t)snprintf(whole, sizeof(whole), "%s%suser=%s", url,
			     separator, shadow->role) >= sizeof(whole))
		return verb_failed(NULL, "DATABASE_URL is too long");
	return put("DATABASE_URL", whole);
}

static int put_environment(const struct shadow *shadow, const char *password)
{
	const char *const settings[][2] = {
		{ "PGPASSWORD", password },
		{ "KAFKA_BROKERS", shadow->verb->conf.brokers },
		{ "DB_SCHEMA", SHADOW_SCHEMA },
		{ "TOPIC_SUFFIX", shadow->verb->suffix },
		{ "WRITE_SUFFIX", SHADOW_SUFFIX },
		{ "COLOUR", SHADOW_COLOUR },
		/* A static member of that name would be the live one's. */
		{ "INSTANCE_ID", "" },
	};
	int r = put_url(shadow);

	for (size_t i = 0; !r && i < sizeof(settings) / sizeof(settings[0]);
	     i++)
		r = put(settings[i][0], settings[i][1]);
	return r;
}

int shadow_run(struct shadow *shadow)
{
	struct verb *verb = shadow->verb;
	char program[sizeof(shadow->program)], password[64];
	int i = verb_add(verb, &sql_shadow_read, NULL);
	int r = verb_send(verb, SHADOW_SCHEMA);

	if (r)
		return r;
	if (pg_n_rows(verb->pg, i) != 1 || !pg_bool(verb->pg, i, 0, 2))
		return verb_failed("overlord shadow stop, then start it again",
				   "the copy of the shadow is not complete");
	(void)str_copy(program, sizeof(program), verb_cell(verb, i, 0, 0));
	(void)str_copy(password, sizeof(password), verb_cell(verb, i, 0, 1));
	r = put_environment(shadow, password);
	if (r)
		return r;
	verb->pg = pg_free(verb->pg);
	shadow_close(shadow);
	(void)execl(program, program, (char *)NULL);
	return verb_failed(NULL, "cannot run '%s': %s", program,
			   strerror(errno));
}
