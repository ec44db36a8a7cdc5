/* SPDX-License-Identifier: MIT */
/*
 * Msgpack writer: by msgpack-c's packer, and what is short by hand.
 */
#include "schemas/msgpack/writer.h"

#include <errno.h>
#include <msgpack/pack.h>

int msgpack_writer_write(void *arg, const char *p, size_t n)
{
	struct msgpack_writer *writer = arg;

	if (writer->full || n > writer->cap - writer->n) {
		writer->full = true;
		return -1;
	}
	if (n > 0)
		memcpy(writer->p + writer->n, p, n);
	writer->n += n;
	return 0;
}

int msgpack_writer_result(const struct msgpack_writer *writer)
{
	return writer->full ? -ENOBUFS : 0;
}

/* Most of what a body has is one byte, and needs no packer. */
static bool put_byte(struct msgpack_writer *writer, size_t byte)
{
	if (writer->full || writer->n == writer->cap)
		return false;
	writer->p[writer->n++] = (uint8_t)byte;
	return true;
}

static msgpack_packer packer(struct msgpack_writer *writer)
{
	return (msgpack_packer){ .data = writer,
				 .callback = msgpack_writer_write };
}

void msgpack_put_map(struct msgpack_writer *writer, size_t n_pairs)
{
	msgpack_packer to = packer(writer);

	if (n_pairs > 15 || !put_byte(writer, 0x80 | n_pairs))
		(void)msgpack_pack_map(&to, n_pairs);
}

void msgpack_put_array(struct msgpack_writer *writer, size_t n)
{
	msgpack_packer to = packer(writer);

	if (n > 15 || !put_byte(writer, 0x90 | n))
		(void)msgpack_pack_array(&to, n);
}

void msgpack_put_text(struct msgpack_writer *writer, struct text text)
{
	msgpack_packer to = packer(writer);

	/* Most texts are short: a head of one byte or two, and their bytes. */
	if (text.n > UINT8_MAX || writer->full ||
	    text.n + 2 > writer->cap - writer->n) {
		(void)msgpack_pack_str_with_body(&to, text.p, text.n);
		return;
	}
	if (text.n < 32) {
		(void)put_byte(writer, 0xa0 | text.n);
	} else {
		(void)put_byte(writer, 0xd9);
		(void)put_byte(writer, text.n);
	}
	if (text.n > 0)
		memcpy(writer->p + writer->n, text.p, text.n);
	writer->n += text.n;
}

void msgpack_put_i64(struct msgpack_writer *writer, int64_t value)
{
	msgpack_packer to = packer(writer);

	if (value < 0 || value > 127 || !put_byte(writer, (size_t)value))
		(void)msgpack_pack_int64(&to, value);
}

void msgpack_put_real(struct msgpack_writer *writer, double value)
{
	msgpack_packer to = packer(writer);

	(void)msgpack_pack_double(&to, value);
}

void msgpack_put_bool(struct msgpack_writer *writer, bool value)
{
	msgpack_packer to = packer(writer);

	(void)(value ? msgpack_pack_true(&to) : msgpack_pack_false(&to));
}

void msgpack_put_nil(struct msgpack_writer *writer)
{
	msgpack_packer to = packer(writer);

	(void)msgpack_pack_nil(&to);
}

void msgpack_put_uuid(struct msgpack_writer *writer,
		      const uint8_t uuid[static UUID_BYTES])
{
	char chars[UUID_CHARS + 1] __attribute__((uninitialized));

	(void)uuid_format(uuid, chars);
	msgpack_put_text(writer, (struct text){ chars, UUID_CHARS });
}

void msgpack_writer_reset(struct msgpack_writer *writer)
{
	writer->n = 0;
	writer->full = false;
}
