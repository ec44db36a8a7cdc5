/* SPDX-License-Identifier: MIT */
/* Heartbeat: two statements, each a transaction of its own. */
#include "workers/runtime/heartbeat.h"

#include <string.h>

#include "workers/runtime/session.h"

static const struct pg_statement write_heartbeat = {
	"write_heartbeat",
	"WITH hasty AS MATERIALIZED"
	" (SELECT set_config('synchronous_commit', 'off', true)),"
	" old AS (DELETE FROM control.heartbeats"
	" WHERE at < clock_timestamp() - interval '1 hour' AND holder <> $1)"
	" INSERT INTO control.heartbeats AS h (holder, service, colour,"
	" version, schema, started_at, at, ready, reason, troubles)"
	" SELECT $1, $2, $3, $4, $5, $6, clock_timestamp(), $7::text IS NULL, "
	"$7, $8"
	" FROM hasty ON CONFLICT (holder) DO UPDATE SET at = excluded.at,"
	" ready = excluded.ready, reason = excluded.reason,"
	" troubles = excluded.troubles",
	8,
};

static const struct pg_statement remove_heartbeat = {
	"remove_heartbeat",
	"DELETE FROM control.heartbeats WHERE holder = $1",
	1,
};

static void put(struct pg_args *args, const char *word)
{
	pg_put_bytes(pg_arg(args), word, strlen(word));
}

int heartbeat_write(struct pg *pg, const struct heartbeat *heartbeat)
{
	struct pg_args args = { 0 };
	int r;

	put(&args, heartbeat->identity->holder);
	put(&args, heartbeat->identity->service);
	put(&args, heartbeat->identity->colour);
	put(&args, heartbeat->version);
	put(&args, heartbeat->schema);
	pg_put_wall_ms(pg_arg(&args), heartbeat->started_at_ms);
	pg_put_text(pg_arg(&args), heartbeat->reason,
		    strlen(heartbeat->reason));
	pg_put_jsonb(pg_arg(&args), heartbeat->troubles.p,
		     heartbeat->troubles.n);
	(void)pg_add(pg, &write_heartbeat, &args);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	pg_args_deinit(&args);
	return r;
}

int heartbeat_remove(struct pg *pg, const struct identity *identity)
{
	struct pg_args args = { 0 };
	int r;

	put(&args, identity->holder);
	(void)pg_add(pg, &remove_heartbeat, &args);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	pg_args_deinit(&args);
	return r;
}
