/* SPDX-License-Identifier: MIT */
/*
 * Wire: the bounded buffer that encoders write into. Nothing is allocated.
 *
 * What does not fit sets @full and is left out whole; the encoder then returns
 * -ENOBUFS, and what @p holds is of no use. Whoever made the wire owns @p.
 */
#ifndef SCHEMAS_WIRE_H
#define SCHEMAS_WIRE_H

#include "schemas/order_id.h"
#include "schemas/text.h"

struct wire {
	uint8_t *p;
	size_t n, cap;
	bool full;
};

#define WIRE_INIT(buffer)                                                      \
	{                                                                      \
		.p = (buffer), .cap = sizeof(buffer)                           \
	}

/* Appends; 0, or -1 when full (what msgpack-c's packer asks of a writer). */
int wire_write(void *wire, const char *p, size_t n);

/* 0, or -ENOBUFS when anything did not fit. */
int wire_result(const struct wire *wire);

/* One msgpack value each, or the head of a container, by msgpack-c's packer. */
void wire_put_map(struct wire *wire, size_t n_pairs);
void wire_put_array(struct wire *wire, size_t n);
void wire_put_text(struct wire *wire, struct text text);
void wire_put_i64(struct wire *wire, int64_t value);
void wire_put_bool(struct wire *wire, bool value);
void wire_put_nil(struct wire *wire);
void wire_put_order_id(struct wire *wire, const struct order_id *id);

/* A pair of a map; nothing at all for an empty @text. */
static inline void wire_put_text_if_any(struct wire *wire, struct text key,
					struct text text)
{
	if (text.n == 0)
		return;
	wire_put_text(wire, key);
	wire_put_text(wire, text);
}

/* For another message in the same buffer. */
void wire_reset(struct wire *wire);

#endif
