/* SPDX-License-Identifier: MIT */
/* What is to be done before a world is at rest, from the order to its count. */
#include <check.h>
#include <inttypes.h>
#include <string.h>

#include "infra/lib/kafka/kafka_admin.h"
#include "itests/harness/checker.h"
#include "schemas/topics.h"

bool world_has(const struct world *world, const char *service)
{
	for (const struct program *p = world->programs; p; p = p->next)
		if (!strncmp(p->name, service, strlen(service)))
			return true;
	/* Or has an agent started it? */
	return db_i64(world->db, "control.deployments WHERE service = '%s'",
		      service) > 0;
}

/*
 * The way of an order: once nothing comes in, and a stage and all before it
 * are done, that stage stays so. In another order something may slip by.
 */
static const struct {
	const char *service, *topic;
	bool toasties; /* the rows of the table of that name */
} stages[] = {
	{ "chillybin", "orders", false },   { "chillybin", "restocks", false },
	{ "jafflr", "picks", false },       { "jafflr", "toasties", true },
	{ "chillybin", "toasties", false }, { "tally", "toasties", false },
};

/* Rows of living lanes whose next and emitted are not at the end of the topic;
 * a partition without any counts too. */
static int64_t count_behind(struct world *world, struct kafka_admin *admin,
			    const char *service, const char *topic)
{
	int64_t ends[TOPIC_PARTITIONS], n;
	struct buf list = { 0 };
	char name[128];

	world_topic(world, topic, name);
	if (kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends))
		return -1;
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		buf_printf(&list, "%s(%d, %" PRId64 ")", i ? ", " : "", i,
			   ends[i]);
	n = db_i64(world->db,
		   "(VALUES %.*s) AS e(partition, ending) LEFT JOIN "
		   "positions p ON p.partition = e.partition AND p.service = "
		   "'%s' AND p.topic = '%s' AND p.colour <> '' "
		   "WHERE p.next_offset IS DISTINCT FROM e.ending OR "
		   "p.emitted_offset IS DISTINCT FROM e.ending",
		   (int)list.n, list.p, service, topic);
	buf_deinit(&list);
	return n;
}

/* What is left to do at a stage; -1: that cannot be said now. */
static int64_t count_left(struct world *world, struct kafka_admin *admin,
			  size_t stage)
{
	if (!world_has(world, stages[stage].service))
		return 0;
	if (stages[stage].toasties)
		return db_i64(world->db,
			      "toasties WHERE state IN ('collecting', "
			      "'queued', 'grilling') OR published_seq < seq");
	return count_behind(world, admin, stages[stage].service,
			    stages[stage].topic);
}

void world_settle(struct world *world)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	int64_t deadline_at_ms = within(PATIENCE_MS), n;
	size_t stage = 0;

	ck_assert(
		!kafka_admin_new(&admin, world->brokers, "itest", PATIENCE_MS));
	while (stage < sizeof(stages) / sizeof(stages[0])) {
		n = count_left(world, admin, stage);
		if (n)
			wait_more(deadline_at_ms,
				  "after %d ms %s is not done with %s: %" PRId64
				  " left",
				  PATIENCE_MS, stages[stage].service,
				  stages[stage].topic, n);
		stage = n ? 0 : stage + 1;
	}
}
