/* SPDX-License-Identifier: MIT */
/* Shop: the tables of settings and counters, and the JSON answers. */
#include "producers/storefront/shop.h"

#include "producers/storefront/http/http.h"

static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct conf
#define CONF_DEF "producers/storefront/conf.def"
#include "infra/lib/conf_def.h"
};

const struct conf_table conf_table = {
	.program = "storefront",
	.sentence = "the web page and the HTTP API of the stalls",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(conf_rows[0]),
};

struct metrics metrics = {
#define COUNTERS_ROWS
#define COUNTERS_DEF "producers/storefront/counters.def"
#include "infra/lib/counters_def.h"
};

void metrics_register(void)
{
	/* The struct has counters only, so it is an array of them. */
	counters_register((struct counter *)&metrics,
			  sizeof(metrics) / sizeof(struct counter));
}

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

	buf_text(&json, "{");
	buf_json_pair(&json, "error", text_of(error->error));
	if (error->field && *error->field)
		buf_json_pair(&json, "field", text_of(error->field));
	if (error->order_id)
		buf_json_pair(&json, "order_id",
			      text_of(order_id_format(error->order_id, id)));
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
