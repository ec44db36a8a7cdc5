/* SPDX-License-Identifier: MIT */
/* Pg blockers: finding and ending them, in one statement. */
#include "infra/lib/postgres/pg_blockers.h"

#define TIMEOUT_MS 2000

/* A hung session's state is older than a moment: a healthy one is between two
 * messages for microseconds only. */
static const struct pg_statement end_hung_blockers = {
	"end_hung_blockers",
	"WITH RECURSIVE in_the_way AS ("
	"SELECT unnest(pg_blocking_pids($1::int)) AS pid UNION"
	" SELECT unnest(pg_blocking_pids(w.pid)) FROM in_the_way w)"
	" SELECT a.pid, a.application_name, CASE"
	" WHEN a.wait_event_type = 'Client'"
	" AND a.state_change < clock_timestamp() - interval '150 ms'"
	" THEN pg_terminate_backend(a.pid) ELSE false END"
	" FROM pg_stat_activity a"
	" WHERE a.pid IN (SELECT w.pid FROM in_the_way w)"
	" AND a.pid <> $1::int",
	1,
};

void pg_end_hung_blockers(struct pg *watch, int backend_pid, pg_blocker_fn fn,
			  void *arg)
{
	struct pg_args args = { 0 };
	int i;

	if (!watch || pg_lost(watch))
		return;
	pg_put_i32(pg_arg(&args), backend_pid);
	i = pg_add(watch, &end_hung_blockers, &args);
	if (!pg_run(watch, TIMEOUT_MS))
		for (int row = 0; row < pg_n_rows(watch, i); row++) {
			struct pg_blocker blocker = {
				.backend_pid = pg_i64(watch, i, row, 0),
				.ended = pg_bool(watch, i, row, 2),
			};

			blocker.name.p =
				pg_bytes(watch, i, row, 1, &blocker.name.n);
			fn(arg, &blocker);
		}
	pg_args_deinit(&args);
}
