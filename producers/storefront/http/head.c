/* SPDX-License-Identifier: MIT */
/*
 * Http head: one pass over the lines. Each line ends in CR LF and has neither
 * of them, nor a NUL, inside.
 */
#include "producers/storefront/http/head.h"

#include <string.h>

#include "infra/lib/text/str.h"

enum {
	BAD_REQUEST = 400,
	LENGTH_REQUIRED = 411,
	TOO_LARGE = 413,
	EXPECTATION_FAILED = 417,
	FIELDS_TOO_LARGE = 431,
	VERSION_NOT_SUPPORTED = 505,
};

#define LENGTH_MAX INT32_MAX

/* What was seen of the fields that decide how a body is framed. */
struct framing {
	int n_hosts;
	int n_lengths;
	bool transfer_encoding;
	bool close;
};

/* The next line without its end; false when there is none. */
static bool next_line(struct text *rest, struct text *ret)
{
	const char *end = memmem(rest->p, rest->n, "\r\n", 2);

	if (!end)
		return false;
	*ret = (struct text){ rest->p, (size_t)(end - rest->p) };
	rest->p += ret->n + 2;
	rest->n -= ret->n + 2;
	return true;
}

/* Letters and digits, and those of @more. */
static bool has_only(struct text text, const char *more)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && (!c || !strchr(more, c)))
			return false;
	}
	return true;
}

static bool is_token(struct text text)
{
	return text.n > 0 && has_only(text, "!#$%&'*+-.^_`|~");
}

/* A host and perhaps a port, and nothing that would be read as more. */
static bool is_authority(struct text text)
{
	return has_only(text, "-._~!$&'()*+,;=%:[]");
}

static bool is_value(struct text text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_target(struct text text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == '#')
			return false;
	return text.n > 0;
}

static struct text trimmed(struct text text)
{
	while (text.n &&
	       (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = (struct text){ text.p + 1, text.n - 1 };
	return text;
}

/* Splits @text at the first @c; false when it has none. */
static bool split(struct text text, char c, struct text *ret_before,
		  struct text *ret_after)
{
	const char *at = text.n ? memchr(text.p, c, text.n) : NULL;

	if (!at)
		return false;
	ret_before->p = text.p;
	ret_before->n = (size_t)(at - text.p);
	ret_after->p = at + 1;
	ret_after->n = text.n - ret_before->n - 1;
	return true;
}

static const char *const methods[] = {
	[HTTP_METHOD_GET] = "GET",
	[HTTP_METHOD_HEAD] = "HEAD",
	[HTTP_METHOD_POST] = "POST",
	[HTTP_METHOD_OTHER] = "OTHER",
};

const char *http_method_name(enum http_method method)
{
	return methods[method];
}

static enum http_method method_of(struct text text)
{
	for (int i = HTTP_METHOD_GET; i < HTTP_METHOD_OTHER; i++)
		if (text_equal(text, text_of(methods[i])))
			return (enum http_method)i;
	return HTTP_METHOD_OTHER;
}

/* Cuts @prefix, in any case, off the front of @text. */
static bool cut_prefix(struct text *text, struct text prefix)
{
	if (text->n < prefix.n || strncasecmp(text->p, prefix.p, prefix.n) != 0)
		return false;
	text->p += prefix.n;
	text->n -= prefix.n;
	return true;
}

/*
 * "/path?query", or the same behind "http://host": clients say it so to a
 * proxy, and every server must accept it (RFC 9112, 3.2.2). That host counts
 * then, and not the one of the field Host; nothing here is served by host.
 */
static bool parse_target(struct http_head *head, struct text target)
{
	struct text host = target;

	if (!is_target(target))
		return false;
	if (cut_prefix(&host, TEXT("http://")) ||
	    cut_prefix(&host, TEXT("https://"))) {
		target = host;
		while (target.n && target.p[0] != '/' && target.p[0] != '?') {
			target.p++;
			target.n--;
		}
		host.n -= target.n;
		if (host.n == 0 || !is_authority(host))
			return false;
	} else if (target.p[0] != '/') {
		return false;
	}
	if (!split(target, '?', &head->path, &head->query)) {
		head->path = target;
		head->query = (struct text){ NULL, 0 };
	}
	if (head->path.n == 0)
		head->path = TEXT("/");
	return true;
}

/* 1.0, or 1.1 for it and all later ones of 1 (RFC 9110, 2.5). */
static int parse_version(struct http_head *head, struct text text)
{
	if (text.n != 8 || memcmp(text.p, "HTTP/", 5) != 0 || text.p[5] < '0' ||
	    text.p[5] > '9' || text.p[6] != '.' || text.p[7] < '0' ||
	    text.p[7] > '9')
		return BAD_REQUEST;
	if (text.p[5] != '1')
		return VERSION_NOT_SUPPORTED;
	head->keep_alive = text.p[7] != '0';
	return 0;
}

static int parse_request_line(struct http_head *head, struct text line)
{
	struct text method, target, version;

	if (!split(line, ' ', &method, &target) ||
	    !split(target, ' ', &target, &version))
		return BAD_REQUEST;
	if (!is_token(method) || !parse_target(head, target))
		return BAD_REQUEST;
	head->method = method_of(method);
	return parse_version(head, version);
}

/* Does a list of tokens ("keep-alive, Upgrade") name @word? */
static bool lists(struct text list, const char *word)
{
	size_t n = strlen(word);

	while (list.n) {
		struct text item = trimmed(text_cut(&list, ','));

		if (item.n == n && strncasecmp(item.p, word, n) == 0)
			return true;
	}
	return false;
}

static int note_field(struct http_head *head, struct framing *framing,
		      const struct http_field *field)
{
	if (text_equal(field->name, TEXT("host"))) {
		framing->n_hosts++;
		if (!is_authority(field->value))
			return BAD_REQUEST;
	} else if (text_equal(field->name, TEXT("transfer-encoding"))) {
		framing->transfer_encoding = true;
	} else if (text_equal(field->name, TEXT("content-length"))) {
		framing->n_lengths++;
		if (field->value.n == 0 || field->value.p[0] == '-' ||
		    field->value.n > 18 ||
		    str_n_to_i64(&head->content_length, field->value.p,
				 field->value.n, 0, INT64_MAX))
			return BAD_REQUEST;
		if (head->content_length > LENGTH_MAX)
			return TOO_LARGE;
	} else if (text_equal(field->name, TEXT("connection"))) {
		framing->close |= lists(field->value, "close");
	} else if (text_equal(field->name, TEXT("expect"))) {
		if (!lists(field->value, "100-continue"))
			return EXPECTATION_FAILED;
		head->expects_continue = true;
	}
	return 0;
}

static int parse_field(struct http_head *head, struct framing *framing,
		       struct text line, char *base)
{
	struct http_field *field = &head->fields[head->n_fields];

	if (head->n_fields == HTTP_FIELDS_MAX)
		return FIELDS_TOO_LARGE;
	if (!split(line, ':', &field->name, &field->value) ||
	    !is_token(field->name))
		return BAD_REQUEST;
	field->value = trimmed(field->value);
	if (!is_value(field->value))
		return BAD_REQUEST;
	for (size_t i = 0; i < field->name.n; i++) {
		char *c = base + (field->name.p - base) + i;

		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	}
	head->n_fields++;
	return note_field(head, framing, field);
}

static int check_framing(struct http_head *head, const struct framing *framing)
{
	bool is_1_1 = head->keep_alive;

	if (framing->n_hosts > 1 || (is_1_1 && framing->n_hosts == 0))
		return BAD_REQUEST;
	if (framing->n_lengths > 1 ||
	    (framing->transfer_encoding && framing->n_lengths))
		return BAD_REQUEST;
	/* A client that sends orders knows how long its body is. */
	if (framing->transfer_encoding)
		return LENGTH_REQUIRED;
	/* An old client gets one answer, and no 100 before it (RFC 9110). */
	head->keep_alive = is_1_1 && !framing->close;
	head->expects_continue &= is_1_1;
	return 0;
}

int http_head_parse(struct http_head *ret, char *p, size_t n)
{
	struct text rest = { p, n }, line;
	struct framing framing = { 0 };
	int r;

	ret->n_fields = 0;
	ret->content_length = 0;
	ret->keep_alive = false;
	ret->expects_continue = false;
	if (!next_line(&rest, &line))
		return BAD_REQUEST;
	r = parse_request_line(ret, line);
	while (!r && next_line(&rest, &line) && line.n)
		r = parse_field(ret, &framing, line, p);
	return r ? r : check_framing(ret, &framing);
}

/* The value of the next one from *@at on, which is 0 at first; false: no more.
 */
static bool next_value(const struct http_head *head, const char *name,
		       size_t *at, struct text *ret)
{
	struct text wanted = text_of(name);

	while (*at < head->n_fields) {
		const struct http_field *field = &head->fields[(*at)++];

		if (text_equal(field->name, wanted)) {
			*ret = field->value;
			return true;
		}
	}
	return false;
}

struct text http_head_field(const struct http_head *head, const char *name)
{
	struct text value = { NULL, 0 };
	size_t at = 0;

	(void)next_value(head, name, &at, &value);
	return value;
}

size_t http_head_count(const struct http_head *head, const char *name)
{
	struct text value;
	size_t at = 0, n = 0;

	while (next_value(head, name, &at, &value))
		n++;
	return n;
}

struct text http_head_list(const struct http_head *head, const char *name,
			   char out[static HTTP_HEAD_MAX_BYTES])
{
	struct text value;
	size_t at = 0, n = 0;

	while (next_value(head, name, &at, &value)) {
		if (value.n == 0)
			continue;
		if (n)
			out[n++] = ',';
		/* It fits: the head has the fields' names in it, too. */
		memcpy(out + n, value.p, value.n);
		n += value.n;
	}
	return (struct text){ n ? out : NULL, n };
}

/* The next of a list of entity tags, without its W/; false at the end. */
static bool next_tag(struct text *list, struct text *ret)
{
	const char *end;

	while (list->n && strchr(", \t", list->p[0])) {
		list->p++;
		list->n--;
	}
	(void)cut_prefix(list, TEXT("W/"));
	if (list->n < 2 || list->p[0] != '"')
		return false;
	end = memchr(list->p + 1, '"', list->n - 1);
	if (!end)
		return false;
	*ret = (struct text){ list->p, (size_t)(end + 1 - list->p) };
	list->p += ret->n;
	list->n -= ret->n;
	return true;
}

bool http_head_names_tag(const struct http_head *head, const char *name,
			 struct text tag)
{
	struct text list, one;
	size_t at = 0;

	while (next_value(head, name, &at, &list)) {
		if (text_equal(list, TEXT("*")))
			return true;
		while (next_tag(&list, &one))
			if (text_equal(one, tag))
				return true;
	}
	return false;
}

bool http_head_query(const struct http_head *head, const char *name, char *out,
		     size_t size, struct text *ret)
{
	struct text rest = head->query;

	while (rest.n) {
		struct text value = text_cut(&rest, '&');
		struct text key = text_cut(&value, '=');

		if (text_equal(key, text_of(name)))
			return !text_unescape(ret, out, size, value, ' ');
	}
	return false;
}
