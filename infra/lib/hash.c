/* SPDX-License-Identifier: MIT */
/*
 * Hash: xxhash and libcrypto. libcrypto takes long to find an algorithm, so it
 * is found once; each hash begins with a copy of that context, which nobody
 * changes. Any thread.
 */
#include "infra/lib/hash.h"

#include <assert.h>
#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>
#include <xxhash.h>

#include "infra/lib/xalloc.h"

uint64_t hash_bytes(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

static EVP_MAC_CTX *fresh;

static void make_fresh(void)
{
	static const uint8_t key[16];
	size_t n_bytes = sizeof(uint64_t);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &n_bytes),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = xalloc_check(EVP_MAC_fetch(NULL, "SIPHASH", NULL));
	int done;

	fresh = xalloc_check(EVP_MAC_CTX_new(mac));
	done = EVP_MAC_init(fresh, key, sizeof(key), params);
	assert(done);
	EVP_MAC_free(mac);
}

void hash_sip_begin(struct hash_sip *hash)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, make_fresh);
	hash->context = xalloc_check(EVP_MAC_CTX_dup(fresh));
}

void hash_sip_add(struct hash_sip *hash, const void *p, size_t n)
{
	int done = EVP_MAC_update(hash->context, p, n);

	assert(done);
}

uint64_t hash_sip_end(struct hash_sip *hash)
{
	uint64_t value = 0;
	size_t n = 0;
	int done = EVP_MAC_final(hash->context, (uint8_t *)&value, &n,
				 sizeof(value));

	assert(done && n == sizeof(value));
	EVP_MAC_CTX_free(hash->context);
	return le64toh(value);
}

/* ---- the table ---- */

#define FIRST_SIZE ((size_t)64)

static struct table_entry *free_entry(const struct table *table, uint64_t hash)
{
	size_t i = hash & (table->size - 1);

	while (table->entries[i].value)
		i = (i + 1) & (table->size - 1);
	return &table->entries[i];
}

static void grow(struct table *table)
{
	struct table bigger = { .n = table->n };

	bigger.size = table->size ? table->size * 2 : FIRST_SIZE;
	bigger.entries = xcalloc(bigger.size, sizeof(*bigger.entries));
	for (size_t i = 0; i < table->size; i++)
		if (table->entries[i].value)
			*free_entry(&bigger, table->entries[i].hash) =
				table->entries[i];
	free(table->entries);
	*table = bigger;
}

void *table_find(const struct table *table, uint64_t hash, table_equal_fn equal,
		 const void *key)
{
	if (!table->size)
		return NULL;
	for (size_t i = hash & (table->size - 1); table->entries[i].value;
	     i = (i + 1) & (table->size - 1))
		if (table->entries[i].hash == hash &&
		    equal(key, table->entries[i].value))
			return table->entries[i].value;
	return NULL;
}

void table_add(struct table *table, uint64_t hash, void *value)
{
	if (table->n * 2 >= table->size)
		grow(table);
	*free_entry(table, hash) = (struct table_entry){ hash, value };
	table->n++;
}

void table_reset(struct table *table)
{
	if (table->n)
		memset(table->entries, 0,
		       table->size * sizeof(*table->entries));
	table->n = 0;
}

void table_deinit(struct table *table)
{
	free(table->entries);
	*table = (struct table){ 0 };
}
