/* SPDX-License-Identifier: MIT */
/* Order key: see order_key.h. Any thread; nothing is kept. */
#include "producers/storefront/order_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "schemas/limits.h"

/* Of all stalls' namespaces. Fixed for ever: ids are derived from it. */
static const struct order_id stalls_space = {
	{ 0x2c, 0x1f, 0x7a, 0x94, 0x5e, 0x0b, 0x4d, 0x63, 0x9a, 0x57, 0x3e,
	  0xd8, 0x60, 0xb1, 0xc4, 0x2f }
};

static void fill_random(uint8_t *p, size_t n)
{
	ssize_t got;

	do
		got = getrandom(p, n, 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)n)
		abort(); /* up to 256 bytes always come whole */
}

struct order_id order_key_v5(const struct order_id *space, struct text name)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct order_id id;
	EVP_MD_CTX *ctx = xalloc_check(EVP_MD_CTX_new());

	if (EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, space->bytes, sizeof(space->bytes)) != 1 ||
	    EVP_DigestUpdate(ctx, name.p, name.n) != 1 ||
	    EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	memcpy(id.bytes, digest, sizeof(id.bytes));
	id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x50);
	id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
	return id;
}

struct order_id order_key_space(struct text stall)
{
	return order_key_v5(&stalls_space, stall);
}

int order_key_id(struct order_id *ret, struct text stall, struct text key)
{
	struct order_id space;

	if (key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"') {
		key.p++;
		key.n -= 2;
	}
	if (key.n == 0 || key.n > TEXT_MAX_BYTES || !text_is_clean(key) ||
	    text_n_chars(key) > TEXT_MAX_CHARS)
		return ORDER_KEY_E_BAD;
	if (!order_id_parse(ret, key.p, key.n))
		return 0;
	space = order_key_space(stall);
	*ret = order_key_v5(&space, key);
	return 0;
}

struct order_id order_key_fresh(void)
{
	uint8_t random[10];

	fill_random(random, sizeof(random));
	return order_id_v7(clock_wall_ms(), random);
}
