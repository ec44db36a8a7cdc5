/* SPDX-License-Identifier: MIT */
/*
 * Wire: see wire.h.
 */
#include "schemas/wire.h"

#include <errno.h>
#include <msgpack/pack.h>

int wire_write(void *arg, const char *p, size_t n)
{
	struct wire *wire = arg;

	if (wire->full || n > wire->cap - wire->n) {
		wire->full = true;
		return -1;
	}
	if (n > 0)
		memcpy(wire->p + wire->n, p, n);
	wire->n += n;
	return 0;
}

int wire_result(const struct wire *wire)
{
	return wire->full ? -ENOBUFS : 0;
}

static msgpack_packer packer(struct wire *wire)
{
	return (msgpack_packer){ .data = wire, .callback = wire_write };
}

void wire_put_map(struct wire *wire, size_t n_pairs)
{
	msgpack_packer to = packer(wire);

	(void)msgpack_pack_map(&to, n_pairs);
}

void wire_put_array(struct wire *wire, size_t n)
{
	msgpack_packer to = packer(wire);

	(void)msgpack_pack_array(&to, n);
}

void wire_put_text(struct wire *wire, struct text text)
{
	msgpack_packer to = packer(wire);

	(void)msgpack_pack_str_with_body(&to, text.p, text.n);
}

void wire_put_i64(struct wire *wire, int64_t value)
{
	msgpack_packer to = packer(wire);

	(void)msgpack_pack_int64(&to, value);
}

void wire_put_bool(struct wire *wire, bool value)
{
	msgpack_packer to = packer(wire);

	(void)(value ? msgpack_pack_true(&to) : msgpack_pack_false(&to));
}

void wire_put_nil(struct wire *wire)
{
	msgpack_packer to = packer(wire);

	(void)msgpack_pack_nil(&to);
}

void wire_put_order_id(struct wire *wire, const struct order_id *id)
{
	char chars[ORDER_ID_CHARS + 1];

	(void)order_id_format(id, chars);
	wire_put_text(wire, (struct text){ chars, ORDER_ID_CHARS });
}

void wire_reset(struct wire *wire)
{
	wire->n = 0;
	wire->full = false;
}
