/* SPDX-License-Identifier: MIT */
#include "schemas/trace.h"

#include <endian.h>

#include "infra/lib/text/hash.h"
#include "infra/lib/text/str.h"
#include "infra/lib/text/text.h"

/* Where the parts of a traceparent stand; the dashes stand before them. */
enum { SPAN_ID_AT = 36, FLAGS_AT = 53, SPAN_ID_CHARS = 16 };

/* The highest bit of each byte of @word that is from @low to @high; all bytes
 * are below 0x80. */
static inline uint64_t in_range(uint64_t word, uint8_t low, uint8_t high)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	return (word + ones * (0x80u - low)) & ~(word + ones * (0x7fu - high)) &
	       ones << 7;
}

/* Lower-case hexadecimal digits, eight at a time: every record has them. */
static bool is_hex(const char *p, size_t n)
{
	const uint64_t highs = UINT64_C(0x8080808080808080);
	uint64_t word = UINT64_C(0x3030303030303030), wrong = 0;

	for (size_t i = 0; i < n; i += sizeof(word)) {
		memcpy(&word, p + i, n - i < 8 ? n - i : 8);
		wrong |= word & highs;
		word &= ~highs;
		wrong |=
			~(in_range(word, '0', '9') | in_range(word, 'a', 'f')) &
			highs;
	}
	return !wrong;
}

static bool is_id(const char *p, size_t n)
{
	char other = 0;

	for (size_t i = 0; i < n; i++)
		other |= (char)(p[i] ^ '0');
	return other && is_hex(p, n);
}

static bool is_00(const char *p)
{
	return p[0] == '0' && p[1] == '0';
}

struct text trace_parent(struct text text)
{
	static const struct text absent = { NULL, 0 };
	const char *p = text.p;

	if (text.n < TRACE_BYTES - 1 || !is_hex(p, 2) ||
	    (p[0] == 'f' && p[1] == 'f'))
		return absent;
	if (text.n > TRACE_BYTES - 1 && (is_00(p) || p[TRACE_BYTES - 1] != '-'))
		return absent;
	if (p[TRACE_ID_AT - 1] != '-' || p[SPAN_ID_AT - 1] != '-' ||
	    p[FLAGS_AT - 1] != '-' || !is_id(p + TRACE_ID_AT, TRACE_ID_CHARS) ||
	    !is_id(p + SPAN_ID_AT, SPAN_ID_CHARS) || !is_hex(p + FLAGS_AT, 2))
		return absent;
	return (struct text){ p, TRACE_BYTES - 1 };
}

struct text trace_parent_00(char out[static TRACE_BYTES], struct text parent)
{
	if (parent.n != TRACE_BYTES - 1 || is_00(parent.p))
		return parent;
	memcpy(out, parent.p, parent.n);
	out[parent.n] = '\0';
	out[0] = out[1] = '0';
	/* Of a later version's flags one is known: it is sampled. */
	out[FLAGS_AT] = '0';
	out[FLAGS_AT + 1] = (hex_byte(parent.p + FLAGS_AT) & 1) ? '1' : '0';
	return (struct text){ out, parent.n };
}

const char *trace_id(struct text parent, char out[static TRACE_ID_CHARS + 1])
{
	if (!parent.p || !trace_parent(parent).p)
		return NULL;
	memcpy(out, parent.p + TRACE_ID_AT, TRACE_ID_CHARS);
	out[TRACE_ID_CHARS] = '\0';
	return out;
}

struct text trace_state(struct text text)
{
	size_t n_kept = 0;
	int n_members = 0;

	for (size_t i = 0; i <= text.n && i <= TRACE_STATE_MAX_BYTES; i++) {
		if (i < text.n && text.p[i] != ',')
			continue;
		if (++n_members > TRACE_STATE_MAX_MEMBERS)
			break;
		n_kept = i;
	}
	if (n_kept == 0)
		return (struct text){ NULL, 0 };
	return (struct text){ text.p, n_kept };
}

static size_t put_hex(char *to, const uint8_t *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		hex_put(to + 2 * i, bytes[i]);
	return 2 * n_bytes;
}

/* The bytes that @n_bytes times two digits are, eight digits at a time; they
 * were checked. */
static void pack(uint8_t *to, const char *digits, size_t n_bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word;
	uint32_t bytes;

	for (size_t i = 0; i < n_bytes; i += sizeof(bytes)) {
		memcpy(&word, digits + 2 * i, sizeof(word));
		word = le64toh(word);
		word = (word & ones * 0xf) + (word >> 6 & ones) * 9;
		/* Pairs into bytes, and these together. */
		word = (word << 4 | word >> 8) & UINT64_C(0x00ff00ff00ff00ff);
		word = (word | word >> 8) & UINT64_C(0x0000ffff0000ffff);
		bytes = htole32((uint32_t)(word | word >> 16));
		memcpy(to + i, &bytes, sizeof(bytes));
	}
}

int trace_pack(uint8_t out[static TRACE_PACKED_BYTES], struct text parent)
{
	char bytes[TRACE_BYTES];
	const char *p;

	if (parent.n != TRACE_BYTES - 1)
		return SCHEMA_E_CONTRACT;
	p = trace_parent_00(bytes, parent).p;
	pack(out, p + TRACE_ID_AT, 16);
	pack(out + 16, p + SPAN_ID_AT, 8);
	out[24] = (uint8_t)hex_byte(p + FLAGS_AT);
	return 0;
}

struct text trace_unpack(char out[static TRACE_BYTES], struct text bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;

	if (bytes.n != TRACE_PACKED_BYTES)
		return (struct text){ NULL, 0 };
	memcpy(out, "00-", TRACE_ID_AT);
	(void)put_hex(out + TRACE_ID_AT, p, 16);
	out[SPAN_ID_AT - 1] = '-';
	(void)put_hex(out + SPAN_ID_AT, p + 16, 8);
	out[FLAGS_AT - 1] = '-';
	(void)put_hex(out + FLAGS_AT, p + 24, 1);
	out[TRACE_BYTES - 1] = '\0';
	return (struct text){ out, TRACE_BYTES - 1 };
}

struct text trace_begin(char out[static TRACE_BYTES], const struct order_id *id)
{
	static const struct order_id nil;
	struct order_id trace = *id;
	const uint8_t *span = trace.bytes + 8;
	size_t n = 0;

	/* What has no digit but 0 is no id. */
	if (order_id_compare(&trace, &nil) == 0)
		trace.bytes[15] = 1;
	else if (memcmp(span, nil.bytes, 8) == 0)
		span = trace.bytes;
	out[n++] = '0';
	out[n++] = '0';
	out[n++] = '-';
	n += put_hex(out + n, trace.bytes, 16);
	out[n++] = '-';
	n += put_hex(out + n, span, 8);
	out[n++] = '-';
	out[n++] = '0';
	out[n++] = '1';
	out[n] = '\0';
	return (struct text){ out, n };
}

struct text trace_next_hop(char out[static TRACE_BYTES], struct text parent,
			   struct text id)
{
	struct str trace = { .p = out, .size = TRACE_BYTES };
	uint64_t span = hash_bytes(id.p, id.n);

	if (parent.n != TRACE_BYTES - 1)
		return (struct text){ NULL, 0 };
	str_add(&trace, parent.p, SPAN_ID_AT);
	str_add_hex(&trace, span ? span : 1);
	str_add(&trace, parent.p + FLAGS_AT - 1, parent.n - FLAGS_AT + 1);
	return str_text(&trace);
}
