/* SPDX-License-Identifier: MIT */
/*
 * Session fixture: a worker's session with a database of the test's own, and
 * who the worker is. For *_test.c only.
 */
#ifndef RUNTIME_SESSION_FIXTURE_H
#define RUNTIME_SESSION_FIXTURE_H

#include "infra/lib/postgres/postgres_fixture.h"
#include "workers/runtime/database/positions.h"
#include "workers/runtime/database/session.h"

static const char *url;
static struct session session;

static const struct identity one_topic = {
	.service = "chillybin",
	.colour = "blue",
	.holder = "holder",
	.topics = { &topic_table[TOPIC_ORDERS] },
	.n_topics = 1,
};

static inline void open_session(void)
{
	const struct session_params params = {
		.url = url,
		.schema = "galore",
		.holder = "holder",
		.schema_version = 1,
	};
	char error[BACKOFF_REASON_BYTES] = "";
	int r = session_open(&session, &params, error);

	ck_assert_msg(!r, "%s", error);
}

#endif
