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
