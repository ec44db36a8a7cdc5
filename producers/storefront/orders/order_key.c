/* SPDX-License-Identifier: MIT */
/* Order key: see order_key.h. Any thread; nothing is kept. */
#include "producers/storefront/orders/order_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

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

/* Without the quotes, and the backslashes that they call for (RFC 9651, 3.3.3).
 */
static int unquote(struct order_key *key, struct text field)
{
	bool quoted = field.n >= 2 && field.p[0] == '"' &&
		      field.p[field.n - 1] == '"';

	if (quoted) {
		field.p++;
		field.n -= 2;
	}
	key->n = 0;
	for (size_t i = 0; i < field.n; i++) {
		if (quoted && field.p[i] == '\\' && i + 1 < field.n &&
		    (field.p[i + 1] == '"' || field.p[i + 1] == '\\'))
			i++;
		if (key->n == sizeof(key->p))
			return ORDER_KEY_E_BAD;
		key->p[key->n++] = field.p[i];
	}
	return key->n ? 0 : ORDER_KEY_E_BAD;
}

static bool is_text(const struct order_key *key)
{
	struct text text = { key->p, key->n };

	return text_is_clean(text) && text_n_chars(text) <= TEXT_MAX_CHARS;
}

int order_key_read(struct order_key *ret, const struct http_head *head,
		   const char **ret_why)
{
	static const struct order_id nil;
	static const char name[] = "idempotency-key";
	char id[ORDER_ID_CHARS + 1];

	ret->n = 0;
	ret->is_id = false;
	if (http_head_count(head, name) == 0)
		return 0;
	if (http_head_count(head, name) > 1) {
		*ret_why = "must come once";
		return ORDER_KEY_E_BAD;
	}
	if (unquote(ret, http_head_field(head, name)) || !is_text(ret)) {
		*ret_why = "must be a text of 1 to 255 characters";
		return ORDER_KEY_E_BAD;
	}
	if (order_id_parse(&ret->id, ret->p, ret->n))
		return 0;
	if (order_id_compare(&ret->id, &nil) == 0) {
		*ret_why = "must not be the UUID of zeros, which names nothing";
		return ORDER_KEY_E_BAD;
	}
	ret->is_id = true;
	memcpy(ret->p, order_id_format(&ret->id, id), ret->n);
	return 0;
}

/* Of the key in the namespace of the stall. */
static struct order_id id_in_stall(const struct order_key *key,
				   struct text stall)
{
	struct order_id space = order_key_v5(&stalls_space, stall);

	return order_key_v5(&space, (struct text){ key->p, key->n });
}

struct order_id order_key_id(const struct order_key *key, struct text stall)
{
	if (key->n == 0)
		return order_key_fresh();
	return key->is_id ? key->id : id_in_stall(key, stall);
}

struct order_id order_key_event(const struct order_key *key, struct text stall,
				struct text name)
{
	struct order_id space;

	if (key->n == 0)
		return order_key_fresh();
	space = id_in_stall(key, stall);
	return order_key_v5(&space, name);
}

struct order_id order_key_fresh(void)
{
	uint8_t random[10];

	fill_random(random, sizeof(random));
	return order_id_v7(clock_wall_ms(), random);
}
