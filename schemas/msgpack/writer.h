/* SPDX-License-Identifier: MIT */
/*
 * Msgpack writer: the bounded buffer that encoders write into. Nothing is
 * allocated.
 *
 * What does not fit sets @full and is left out whole; the encoder then returns
 * -ENOBUFS, and what @p holds is of no use. The caller owns @p.
 */
#ifndef SCHEMAS_MSGPACK_WRITER_H
#define SCHEMAS_MSGPACK_WRITER_H

#include "infra/lib/text/text.h"

struct msgpack_writer {
	uint8_t *p;
	size_t n, cap;
	bool full;
};

#define MSGPACK_WRITER_INIT(buffer)                                            \
	{                                                                      \
		.p = (buffer), .cap = sizeof(buffer)                           \
	}

/* Appends; 0, or -1 when full (what msgpack-c's packer asks of a writer). */
int msgpack_writer_write(void *writer, const char *p, size_t n);

/* 0, or -ENOBUFS when anything did not fit. */
int msgpack_writer_result(const struct msgpack_writer *writer);

/* One msgpack value each, or the head of a container, by msgpack-c's packer. */
void msgpack_put_map(struct msgpack_writer *writer, size_t n_pairs);
void msgpack_put_array(struct msgpack_writer *writer, size_t n);
void msgpack_put_text(struct msgpack_writer *writer, struct text text);
void msgpack_put_i64(struct msgpack_writer *writer, int64_t value);
void msgpack_put_real(struct msgpack_writer *writer, double value);
void msgpack_put_bool(struct msgpack_writer *writer, bool value);
void msgpack_put_nil(struct msgpack_writer *writer);
/* As text. */
void msgpack_put_uuid(struct msgpack_writer *writer,
		      const uint8_t uuid[static UUID_BYTES]);

/* For another message in the same buffer. */
void msgpack_writer_reset(struct msgpack_writer *writer);

#endif
