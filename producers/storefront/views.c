/* SPDX-License-Identifier: MIT */
/*
 * Views: requests go to the readers through one mailbox and come back through
 * another one. A reader gets several at once and sends them in one message. A
 * session that was cut while nobody used it costs one more try, not an error.
 * The SQL stands at the top.
 */
#include "producers/storefront/views.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/mailbox.h"
#include "infra/lib/postgres/pg.h"
#include "infra/lib/xalloc.h"
#include "schemas/limits.h"

enum {
	READERS_MAX = 8,
	AT_ONCE_MAX = 16, /* requests of one message */
	CHECK_EVERY_MS = 1000,
	READY_WITHIN_MS = 5000,
	CONNECT_TIMEOUT_MS = 1000,
	CONNECT_AGAIN_MS = 500,
};

struct request {
	STAILQ_ENTRY(request) link; /* in refused */
	int64_t deadline_at_ms;
	int r;
	void *arg;
	views_order_fn order_fn; /* either this one */
	views_stock_fn stock_fn; /* or that one */
	struct order order;      /* its id is asked for */
	char *stall;
	struct buf json;
};

STAILQ_HEAD(requests, request);

struct reader {
	struct views *views;
	pthread_t thread;
	struct pg *pg;
	int64_t connect_at_ms; /* not before */
};

struct views {
	const struct conf *conf;
	struct loop *loop;
	struct mailbox *waiting, *answered; /* of struct request * */
	struct requests refused;            /* too many; the loop's own */
	int64_t n_asked;                    /* and not handed over; too */
	_Atomic int64_t answered_at_ms;
	atomic_bool away; /* said in the log */
	struct reader readers[READERS_MAX];
	size_t n_readers;
};

/* ---- SQL ---- */

static const struct pg_statement order_by_id = {
	"order_by_id",
	"SELECT number, stall, customer, items, doneness, wants_grill,"
	" verdict, missing, cancelled, returned, toastie_state, toastie_seq,"
	" grill, plate FROM order_view WHERE order_id = $1",
	1,
};

enum order_column {
	NUMBER,
	STALL,
	CUSTOMER,
	ITEMS,
	DONENESS,
	WANTS_GRILL,
	VERDICT,
	MISSING,
	CANCELLED,
	RETURNED,
	TOASTIE_STATE,
	TOASTIE_SEQ,
	GRILL,
	PLATE,
};

static const struct pg_statement stock_of_stall = {
	"stock_of_stall",
	"SELECT ingredient, quantity FROM stock_view WHERE stall = $1"
	" ORDER BY ingredient COLLATE \"C\" LIMIT 10000",
	1,
};

/* One row when all that is read here can be read. */
static const struct pg_statement check_views = {
	"check_views",
	"SELECT EXISTS (SELECT FROM order_view), EXISTS (SELECT FROM"
	" stock_view), EXISTS (SELECT FROM positions_view)",
	0,
};

/* Of the only row; NULL is absent. */
static struct text column(const struct pg *pg, int statement, int i)
{
	struct text text;

	if (pg_null(pg, statement, 0, i))
		return (struct text){ NULL, 0 };
	text.p = pg_bytes(pg, statement, 0, i, &text.n);
	return text;
}

static void read_items(struct order *order, struct text text)
{
	json_t *list = json_loadb(text.p, text.n, 0, NULL), *value;
	struct item items[ORDER_ITEMS_MAX] = { 0 };
	size_t i, n = 0;

	json_array_foreach(list, i, value)
	{
		struct item *item = &items[n];

		if (n < ORDER_ITEMS_MAX &&
		    !json_unpack(value, "{s:s%,s:i}", "ingredient",
				 &item->ingredient.p, &item->ingredient.n,
				 "quantity", &item->quantity))
			n++;
	}
	order_set_items(order, items, n);
	json_decref(list);
}

static void read_missing(struct order *order, struct text text)
{
	json_t *list = text.p ? json_loadb(text.p, text.n, 0, NULL) : NULL;
	struct missing all[ORDER_ITEMS_MAX] = { 0 };
	json_t *value, *left;
	size_t i, n = 0;

	json_array_foreach(list, i, value)
	{
		struct missing *missing = &all[n];

		if (n == ORDER_ITEMS_MAX ||
		    json_unpack(value, "{s:s%,s:i,s:o}", "ingredient",
				&missing->ingredient.p, &missing->ingredient.n,
				"wanted", &missing->wanted, "left", &left))
			continue;
		missing->left = json_is_integer(left) ? json_integer_value(left)
						      : MISSING_UNKNOWN;
		n++;
	}
	if (n)
		order_set_missing(order, all, n);
	json_decref(list);
}

/* Into @order, which has its id only. */
static int read_order(const struct pg *pg, int s, struct order *order)
{
	struct order_facts *facts = &order->facts;

	if (pg_n_rows(pg, s) == 0)
		return VIEWS_E_NONE;
	order->number = pg_i64(pg, s, 0, NUMBER);
	order_set(&order->stall, column(pg, s, STALL));
	order_set(&order->customer, column(pg, s, CUSTOMER));
	read_items(order, column(pg, s, ITEMS));
	(void)doneness_parse(&order->doneness, column(pg, s, DONENESS));
	read_missing(order, column(pg, s, MISSING));
	(void)verdict_parse(&facts->verdict, column(pg, s, VERDICT));
	facts->grill = pg_bool(pg, s, 0, WANTS_GRILL);
	facts->cancelled = pg_bool(pg, s, 0, CANCELLED);
	facts->returned = pg_bool(pg, s, 0, RETURNED);
	if (pg_null(pg, s, 0, TOASTIE_STATE))
		return 0;
	/* A state that only the grill's workers know looks like no toastie. */
	(void)toastie_state_parse(&facts->toastie,
				  column(pg, s, TOASTIE_STATE));
	facts->toastie_seq = pg_i64(pg, s, 0, TOASTIE_SEQ);
	if (!pg_null(pg, s, 0, PLATE))
		order_set_plate(order, column(pg, s, GRILL),
				pg_i64(pg, s, 0, PLATE));
	return 0;
}

/* Appends {"bread":10,"cheese":9}, names sorted by their bytes. */
static void read_stock(const struct pg *pg, int statement, struct buf *json)
{
	size_t n;

	buf_text(json, "{");
	for (int row = 0; row < pg_n_rows(pg, statement); row++) {
		const char *p = pg_bytes(pg, statement, row, 0, &n);

		if (row)
			buf_text(json, ",");
		buf_json_text(json, p, n);
		buf_text(json, ":");
		buf_i64(json, pg_i64(pg, statement, row, 1));
	}
	buf_text(json, "}");
}

/* ---- readers ---- */

static void note_away(struct views *views, const char *why)
{
	if (!atomic_exchange(&views->away, true))
		log_warn("VIEWS-AWAY",
			 "the database cannot be read: %s, will try again",
			 why);
}

static void note_answered(struct views *views)
{
	atomic_store(&views->answered_at_ms, clock_now_ms());
	if (atomic_exchange(&views->away, false))
		log_info("VIEWS-BACK", "the database can be read");
}

static bool connected(struct reader *reader)
{
	const struct conf *conf = reader->views->conf;
	const struct pg_params pg_params = {
		.url = conf->database_url,
		.schema = conf->database_schema,
		.application_name = "storefront",
		.timeout_ms = CONNECT_TIMEOUT_MS,
		.options = "SET default_transaction_read_only = on",
	};
	char error[256];

	if (reader->pg && !pg_lost(reader->pg))
		return true;
	reader->pg = pg_free(reader->pg);
	if (clock_now_ms() < reader->connect_at_ms)
		return false;
	if (pg_connect(&reader->pg, &pg_params, error)) {
		note_away(reader->views, error);
		reader->connect_at_ms = clock_now_ms() + CONNECT_AGAIN_MS;
		return false;
	}
	return true;
}

/* Asks whether all that is read here can be read. */
static void check(struct reader *reader)
{
	if (!connected(reader))
		return;
	(void)pg_add(reader->pg, &check_views, NULL);
	if (pg_run(reader->pg, reader->views->conf->view_timeout_ms))
		note_away(reader->views, pg_message(reader->pg));
	else
		note_answered(reader->views);
}

/* All of @requests in one message. 0, or what pg_run() says. */
static int ask(struct reader *reader, struct request *const *requests, size_t n)
{
	struct pg_args args[AT_ONCE_MAX] = { 0 };
	int64_t timeout_ms = reader->views->conf->view_timeout_ms;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct request *request = requests[i];
		int left_ms = clock_left_ms(request->deadline_at_ms);

		if (request->order_fn) {
			pg_put_uuid(pg_arg(&args[i]), request->order.id.bytes);
			(void)pg_add(reader->pg, &order_by_id, &args[i]);
		} else {
			pg_put_text(pg_arg(&args[i]), request->stall,
				    strlen(request->stall));
			(void)pg_add(reader->pg, &stock_of_stall, &args[i]);
		}
		if (left_ms < timeout_ms)
			timeout_ms = left_ms;
	}
	r = pg_run(reader->pg, timeout_ms);
	for (size_t i = 0; i < n; i++)
		pg_args_deinit(&args[i]);
	return r;
}

static void serve(struct reader *reader, struct request *const *requests,
		  size_t n)
{
	int r = PG_E_LOST;

	for (int tries = 0; r == PG_E_LOST && tries < 2; tries++)
		if (connected(reader))
			r = ask(reader, requests, n);
	if (r) {
		note_away(reader->views,
			  reader->pg ? pg_message(reader->pg) : "no session");
		return;
	}
	note_answered(reader->views);
	for (size_t i = 0; i < n; i++) {
		struct request *request = requests[i];

		request->r = 0;
		if (request->stock_fn)
			read_stock(reader->pg, (int)i, &request->json);
		else
			request->r =
				read_order(reader->pg, (int)i, &request->order);
	}
}

/*
 * Waits for requests until it is time to check. Those that are too old stay
 * VIEWS_E_AWAY, unasked. Gives how many came; @ret_n are to be asked.
 */
static size_t get_requests(struct views *views, struct request **ret,
			   size_t *ret_n)
{
	struct request *request;
	size_t n = 0;

	*ret_n = 0;
	while (n < AT_ONCE_MAX &&
	       mailbox_get(views->waiting, &request, n ? 0 : CHECK_EVERY_MS)) {
		n++;
		if (request->deadline_at_ms <= clock_now_ms())
			(void)mailbox_put(views->answered, &request);
		else
			ret[(*ret_n)++] = request;
	}
	return n;
}

static void *read_views(void *arg)
{
	struct reader *reader = arg;
	struct views *views = reader->views;
	struct request *requests[AT_ONCE_MAX];
	size_t n;

	check(reader);
	while (!mailbox_closed(views->waiting)) {
		if (get_requests(views, requests, &n) == 0)
			check(reader);
		if (n)
			serve(reader, requests, n);
		/* There is a place for each one that was asked. */
		for (size_t i = 0; i < n; i++)
			(void)mailbox_put(views->answered, &requests[i]);
	}
	reader->pg = pg_free(reader->pg);
	return NULL;
}

/* ---- the loop's side ---- */

static int start_readers(struct views *views)
{
	int r;

	for (int64_t i = 0; i < views->conf->view_readers && i < READERS_MAX;
	     i++) {
		struct reader *reader = &views->readers[i];

		reader->views = views;
		r = pthread_create(&reader->thread, NULL, read_views, reader);
		if (r)
			return -r;
		views->n_readers++;
	}
	return 0;
}

int views_new(struct views **ret, const struct shop *shop)
{
	CLEANUP(views_freep) struct views *views = xcalloc(1, sizeof(*views));
	struct mailbox_params mailbox_params = {
		.message_bytes = sizeof(struct request *),
		.n_max = (size_t)shop->conf->view_queue_max,
	};
	int r;

	views->conf = shop->conf;
	views->loop = shop->loop;
	STAILQ_INIT(&views->refused);
	r = mailbox_new(&views->waiting, &mailbox_params);
	mailbox_params.loop = shop->loop;
	if (!r)
		r = mailbox_new(&views->answered, &mailbox_params);
	if (!r)
		r = start_readers(views);
	if (r)
		return r;
	*ret = views;
	views = NULL;
	return 0;
}

static void hand_over(struct request *request)
{
	if (request->order_fn)
		request->order_fn(request->arg, request->r,
				  request->r ? NULL : &request->order);
	else
		request->stock_fn(request->arg, request->r, &request->json);
	order_deinit(&request->order);
	free(request->stall);
	buf_deinit(&request->json);
	free(request);
}

/* What is in @mailbox now; not what comes meanwhile. */
static void hand_over_all(struct views *views, struct mailbox *mailbox)
{
	struct request *request;

	for (int64_t n = views->n_asked; n && mailbox_get(mailbox, &request, 0);
	     n--) {
		views->n_asked--;
		hand_over(request);
	}
}

void views_serve(struct views *views)
{
	struct requests refused = STAILQ_HEAD_INITIALIZER(refused);
	struct request *request;

	STAILQ_CONCAT(&refused, &views->refused);
	hand_over_all(views, views->answered);
	while ((request = STAILQ_FIRST(&refused))) {
		STAILQ_REMOVE_HEAD(&refused, link);
		hand_over(request);
	}
}

struct views *views_free(struct views *views)
{
	if (!views)
		return NULL;
	if (views->waiting)
		mailbox_close(views->waiting);
	for (size_t i = 0; i < views->n_readers; i++)
		(void)pthread_join(views->readers[i].thread, NULL);
	if (views->n_readers) {
		views_serve(views);
		hand_over_all(views, views->waiting);
	}
	views->waiting = mailbox_free(views->waiting);
	views->answered = mailbox_free(views->answered);
	free(views);
	return NULL;
}

static void enqueue(struct views *views, struct request *request)
{
	request->r = VIEWS_E_AWAY;
	request->deadline_at_ms = clock_now_ms() + views->conf->view_timeout_ms;
	if (views->n_asked < views->conf->view_queue_max &&
	    mailbox_put(views->waiting, &request)) {
		views->n_asked++;
	} else {
		STAILQ_INSERT_TAIL(&views->refused, request, link);
		loop_wake(views->loop);
	}
}

void views_order(struct views *views, const struct order_id *id,
		 views_order_fn fn, void *arg)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->order_fn = fn;
	request->arg = arg;
	order_init(&request->order, id);
	enqueue(views, request);
}

void views_stock(struct views *views, struct text stall, views_stock_fn fn,
		 void *arg)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->stock_fn = fn;
	request->arg = arg;
	order_set(&request->stall, stall);
	enqueue(views, request);
}

bool views_ready(const struct views *views)
{
	int64_t at_ms = atomic_load(&views->answered_at_ms);

	return at_ms && clock_now_ms() - at_ms < READY_WITHIN_MS &&
	       !atomic_load(&views->away);
}
