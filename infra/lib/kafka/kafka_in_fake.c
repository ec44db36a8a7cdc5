/* SPDX-License-Identifier: MIT */
/* Kafka in fake: a queue of records, and a note of what was asked. One thread.
 */
#include "infra/lib/kafka/kafka_in_fake.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "infra/lib/xalloc.h"

/* A record and, behind it, all its bytes. */
struct kafka_in_fake_record {
	struct kafka_in *in;
	struct kafka_in_fake_record *next;
	struct kafka_record record;
	struct kafka_in_fake_header *headers;
	size_t n_headers;
	char bytes[];
};

int kafka_in_new(struct kafka_in **ret, const struct kafka_in_params *params)
{
	struct kafka_in *in = xcalloc(1, sizeof(*in));

	assert(params->n_topics <= KAFKA_IN_TOPICS_MAX);
	in->params = *params;
	in->end = &in->first;
	*ret = in;
	return 0;
}

static void record_free(struct kafka_in_fake_record *fake)
{
	free(fake->headers);
	free(fake);
}

void kafka_in_leave(struct kafka_in *in)
{
	in->leaves = true;
}

struct kafka_in *kafka_in_free(struct kafka_in *in)
{
	struct kafka_in_fake_record *next;

	if (!in)
		return NULL;
	assert(in->n_in_hand == 0);
	for (; in->first; in->first = next) {
		next = in->first->next;
		record_free(in->first);
	}
	free(in);
	return NULL;
}

/* ---- records ---- */

static const void *keep(char **at, const void *p, size_t n)
{
	char *kept = *at;

	if (!p)
		return NULL;
	memcpy(kept, p, n);
	*at += n;
	return kept;
}

void kafka_in_fake_push(struct kafka_in *in, const struct kafka_record *record,
			const struct kafka_in_fake_header *headers,
			size_t n_headers)
{
	size_t n_bytes = record->n_key + record->n_value;
	struct kafka_in_fake_record *fake;
	char *at;

	for (size_t i = 0; i < n_headers; i++)
		n_bytes += strlen(headers[i].name) + 1 + headers[i].n;
	/* The text of a mark ends with a NUL. */
	fake = xcalloc(1, sizeof(*fake) + n_bytes + (record->mark ? 1 : 0));
	fake->in = in;
	fake->record = *record;
	at = fake->bytes;
	fake->record.handle = fake;
	fake->record.key = keep(&at, record->key, record->n_key);
	fake->record.value = keep(&at, record->value, record->n_value);
	fake->headers = xcalloc(n_headers, sizeof(*headers));
	fake->n_headers = n_headers;
	for (size_t i = 0; i < n_headers; i++)
		fake->headers[i] = (struct kafka_in_fake_header){
			keep(&at, headers[i].name, strlen(headers[i].name) + 1),
			keep(&at, headers[i].value, headers[i].n),
			headers[i].n,
		};
	*in->end = fake;
	in->end = &fake->next;
}

size_t kafka_in_poll(struct kafka_in *in, struct kafka_record *ret,
		     size_t n_max, int timeout_ms)
{
	size_t n = 0;

	(void)timeout_ms;
	in->n_polls++;
	in->n_max = n_max;
	while (n < n_max && in->first) {
		struct kafka_in_fake_record *fake = in->first;

		in->first = fake->next;
		if (!in->first)
			in->end = &in->first;
		ret[n++] = fake->record;
		in->n_in_hand++;
	}
	return n;
}

size_t kafka_in_queued(const struct kafka_in *in)
{
	size_t n = in->n_queued;

	for (const struct kafka_in_fake_record *fake = in->first; fake;
	     fake = fake->next)
		n++;
	return n;
}

void kafka_record_release(struct kafka_record *record)
{
	struct kafka_in_fake_record *fake = record->handle;

	if (!fake)
		return;
	assert(fake->in->n_in_hand > 0);
	fake->in->n_in_hand--;
	record_free(fake);
	record->handle = NULL;
}

bool kafka_record_header(const struct kafka_record *record, size_t i,
			 const char **ret_name, const void **ret_value,
			 size_t *ret_n)
{
	const struct kafka_in_fake_record *fake = record->handle;

	if (i >= fake->n_headers)
		return false;
	*ret_name = fake->headers[i].name;
	*ret_value = fake->headers[i].value;
	*ret_n = fake->headers[i].n;
	return true;
}

/* ---- where and whether to read ---- */

static struct kafka_in_fake_partition *
named(struct kafka_in *in, const struct kafka_partition *partition)
{
	assert(partition->partition < KAFKA_IN_FAKE_PARTITIONS);
	return kafka_in_fake_partition(in, partition->topic,
				       partition->partition);
}

int kafka_in_assign(struct kafka_in *in,
		    const struct kafka_partition *partitions,
		    size_t n_partitions)
{
	for (size_t i = 0; i < KAFKA_IN_TOPICS_MAX; i++)
		for (size_t k = 0; k < KAFKA_IN_FAKE_PARTITIONS; k++)
			in->topics[i].partitions[k].assigned = false;
	if (in->refuses)
		return -EIO;
	for (size_t i = 0; i < n_partitions; i++) {
		struct kafka_in_fake_partition *fake =
			named(in, &partitions[i]);

		fake->assigned = true;
		fake->reading = !fake->n_pauses;
		fake->resumed_at = partitions[i].offset;
	}
	return 0;
}

void kafka_in_resume_at(struct kafka_in *in,
			const struct kafka_partition *partitions, size_t n,
			bool *ret_begun)
{
	for (size_t i = 0; i < n; i++) {
		struct kafka_in_fake_partition *fake =
			named(in, &partitions[i]);

		fake->n_resumes++;
		fake->resumed_at = partitions[i].offset;
		fake->reading = !fake->slow;
		ret_begun[i] = !fake->slow;
	}
}

int kafka_in_pause(struct kafka_in *in,
		   const struct kafka_partition *partitions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		named(in, &partitions[i])->reading = false;
		named(in, &partitions[i])->n_pauses++;
	}
	return 0;
}

void kafka_in_restart(struct kafka_in *in)
{
	in->n_restarts++;
	for (size_t i = 0; i < KAFKA_IN_TOPICS_MAX; i++)
		for (size_t k = 0; k < KAFKA_IN_FAKE_PARTITIONS; k++)
			in->topics[i].partitions[k].reading = false;
}

bool kafka_in_fatal(const struct kafka_in *in)
{
	return in->fatal;
}

/* ---- what is asked of the brokers ---- */

int kafka_in_commit(struct kafka_in *in,
		    const struct kafka_partition *partitions, size_t n,
		    bool sync)
{
	if (in->commit_answer)
		return sync ? in->commit_answer : 0;
	for (size_t i = 0; i < n; i++)
		named(in, &partitions[i])->committed = partitions[i].offset;
	return 0;
}

bool kafka_in_end(const struct kafka_in *in, int topic, int32_t partition,
		  int64_t *ret)
{
	const struct kafka_in_fake_partition *fake =
		&in->topics[topic].partitions[partition];

	if (!fake->fetched)
		return false;
	*ret = fake->high;
	return true;
}

int kafka_in_watermarks(struct kafka_in *in, int topic, int32_t partition,
			int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high)
{
	struct kafka_in_fake_partition *fake =
		kafka_in_fake_partition(in, topic, partition);

	(void)timeout_ms;
	fake->n_watermarks++;
	if (fake->away)
		return KAFKA_IN_E_AWAY;
	*ret_low = fake->low;
	*ret_high = fake->high;
	return 0;
}

bool kafka_in_topics_doubted(struct kafka_in *in)
{
	bool doubted = in->doubted;

	in->doubted = false;
	return doubted;
}

int kafka_in_topics(struct kafka_in *in, int64_t timeout_ms, bool *ret_there)
{
	(void)timeout_ms;
	in->n_asked++;
	if (in->silent)
		return KAFKA_IN_E_AWAY;
	for (size_t i = 0; i < in->params.n_topics; i++)
		ret_there[i] = !in->topics[i].gone;
	return 0;
}
