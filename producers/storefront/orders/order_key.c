/* SPDX-License-Identifier: MIT */
/* Order key: any thread; nothing is kept. */
#include "producers/storefront/orders/order_key.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "infra/lib/clock.h"

/* Of all stalls' namespaces. Fixed for ever: ids are derived from it. */
static const struct order_id stalls_space = {
	{ 0x2c, 0x1f, 0x7a, 0x94, 0x5e, 0x0b, 0x4d, 0x63, 0x9a, 0x57, 0x3e,
	  0xd8, 0x60, 0xb1, 0xc4, 0x2f }
};

struct order_id order_key_v5(const struct order_id *space, struct text name)
{
	unsigned char bytes[UUID_BYTES + TEXT_MAX_BYTES];
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct order_id id;

	assert(name.n <= TEXT_MAX_BYTES);
	memcpy(bytes, space->bytes, UUID_BYTES);
	memcpy(bytes + UUID_BYTES, name.p, name.n);
	if (EVP_Digest(bytes, UUID_BYTES + name.n, digest, NULL, EVP_sha1(),
		       NULL) != 1)
		abort();
	memcpy(id.bytes, digest, UUID_BYTES);
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

/* Version 7, from the clock and the system's randomness. */
static struct order_id fresh_id(void)
{
	uint8_t random[10];

	if (RAND_bytes(random, sizeof(random)) != 1)
		abort();
	return order_id_v7(clock_wall_ms(), random);
}

struct order_id order_key_id(const struct order_key *key, struct text stall)
{
	if (key->n == 0)
		return fresh_id();
	return key->is_id ? key->id : id_in_stall(key, stall);
}

struct order_id order_key_event(const struct order_key *key, struct text stall,
				struct text name)
{
	struct order_id space;

	if (key->n == 0)
		return fresh_id();
	space = id_in_stall(key, stall);
	return order_key_v5(&space, name);
}
