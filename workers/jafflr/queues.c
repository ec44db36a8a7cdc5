/* SPDX-License-Identifier: MIT */
/* Queues: a list, since stalls are few. */
#include "workers/jafflr/queues.h"

#include "infra/lib/xalloc.h"

static void forget(struct queues *queues)
{
	for (size_t i = 0; i < queues->n; i++)
		free(queues->list[i].stall);
	queues->n = 0;
}

static struct queue *find(struct queues *queues, struct text stall)
{
	for (size_t i = 0; i < queues->n; i++)
		if (text_equal(text_of(queues->list[i].stall), stall))
			return &queues->list[i];
	return NULL;
}

static struct queue *add(struct queues *queues, struct text stall)
{
	struct queue *queue;

	if (queues->n == QUEUES_MAX)
		return NULL;
	if (!queues->list)
		queues->list = xcalloc(QUEUES_MAX, sizeof(*queues->list));
	queue = &queues->list[queues->n++];
	*queue = (struct queue){ .stall = xmalloc(stall.n + 1) };
	memcpy(queue->stall, stall.p, stall.n);
	queue->stall[stall.n] = '\0';
	return queue;
}

void queues_set(struct queues *queues, const struct tx_stall *stalls, size_t n)
{
	forget(queues);
	for (size_t i = 0; i < n; i++)
		queues_add(queues, stalls[i].stall, stalls[i].n);
}

void queues_add(struct queues *queues, struct text stall, int64_t n)
{
	struct queue *queue = find(queues, stall);

	if (!queue && n > 0)
		queue = add(queues, stall);
	if (!queue)
		return;
	queue->n += n;
	if (queue->n < 0)
		queue->n = 0;
}

void queues_deinit(struct queues *queues)
{
	forget(queues);
	free(queues->list);
	*queues = (struct queues){ 0 };
}
