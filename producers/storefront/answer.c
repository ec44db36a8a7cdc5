/* SPDX-License-Identifier: MIT */
/* Answer: see answer.h. */
#include "producers/storefront/answer.h"

#include <string.h>

#include "infra/lib/pg.h"

void answer_json(struct http_request *request, int status,
		 const struct buf *json, const struct http_field *more)
{
	struct http_field fields[2] = {
		{ TEXT("Cache-Control"), TEXT("no-store") },
	};
	struct http_reply reply = {
		.status = status,
		.type = "application/json",
		.fields = fields,
		.n_fields = 1,
	};
	struct buf body = { 0 };

	if (!request)
		return;
	if (more)
		fields[reply.n_fields++] = *more;
	buf_add(&body, json->p, json->n);
	buf_text(&body, "\n");
	reply.body = body.p;
	reply.n_body = body.n;
	http_reply(request, &reply);
	buf_deinit(&body);
}

void answer_error(struct http_request *request,
		  const struct answer_error *error)
{
	struct http_field field = { 0 };
	const struct http_field *more = NULL;
	char id[ORDER_ID_CHARS + 1];
	struct buf json = { 0 };

	buf_text(&json, "{\"error\":");
	buf_json_text(&json, error->error, strlen(error->error));
	if (error->field && *error->field) {
		buf_text(&json, ",\"field\":");
		buf_json_text(&json, error->field, strlen(error->field));
	}
	if (error->order_id)
		buf_printf(&json, ",\"order_id\":\"%s\"",
			   order_id_format(error->order_id, id));
	buf_text(&json, "}");
	if (error->status == 503) {
		field = (struct http_field){ TEXT("Retry-After"), TEXT("1") };
		more = &field;
	} else if (error->allow) {
		field = (struct http_field){ TEXT("Allow"),
					     text_of(error->allow) };
		more = &field;
	}
	answer_json(request, error->status, &json, more);
	buf_deinit(&json);
}
