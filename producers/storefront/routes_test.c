/* SPDX-License-Identifier: MIT */
/* Routes: which path and method lead where. */
#include "producers/storefront/routes.h"

#include <check.h>

#include "infra/lib/check_fixture.h"

#define ID "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define GET HTTP_METHOD_GET
#define HEAD HTTP_METHOD_HEAD
#define POST HTTP_METHOD_POST
#define OTHER HTTP_METHOD_OTHER

static const struct {
	enum http_method method;
	const char *path;
	enum route route;
	int r;
} rows[] = {
	{ POST, "/orders", ROUTE_PLACE_ORDER, 0 },
	{ GET, "/orders", ROUTE_PLACE_ORDER, ROUTE_E_METHOD },
	{ OTHER, "/orders", ROUTE_PLACE_ORDER, ROUTE_E_METHOD },
	{ GET, "/orders/" ID, ROUTE_SHOW_ORDER, 0 },
	{ HEAD, "/orders/" ID, ROUTE_SHOW_ORDER, 0 },
	{ POST, "/orders/" ID, ROUTE_SHOW_ORDER, ROUTE_E_METHOD },
	{ GET, "/orders/x", ROUTE_SHOW_ORDER, ROUTE_E_ID },
	{ GET, "/orders/", ROUTE_PAGE, 0 },
	{ POST, "/orders/" ID "/cancel", ROUTE_CANCEL_ORDER, 0 },
	{ POST, "/orders/x/cancel", ROUTE_CANCEL_ORDER, ROUTE_E_ID },
	{ GET, "/orders/" ID "/cancel", ROUTE_CANCEL_ORDER, ROUTE_E_METHOD },
	{ GET, "/orders/" ID "/x", ROUTE_PAGE, 0 },
	{ GET, "/stock", ROUTE_SHOW_STOCK, 0 },
	{ POST, "/restock", ROUTE_RESTOCK, 0 },
	{ GET, "/events", ROUTE_EVENTS, 0 },
	{ GET, "/livez", ROUTE_LIVE, 0 },
	{ GET, "/readyz", ROUTE_READY, 0 },
	{ GET, "/startupz", ROUTE_STARTED, 0 },
	{ GET, "/metrics", ROUTE_METRICS, 0 },
	{ GET, "/", ROUTE_PAGE, 0 },
	{ GET, "/../../etc/passwd", ROUTE_PAGE, 0 },
	{ POST, "/", ROUTE_PAGE, ROUTE_E_METHOD },
};

START_TEST(a_method_and_a_path_lead_to_a_route)
	{
		enum route route = N_ROUTES;
		struct order_id id;
		const char *allow = NULL;

		ck_assert_int_eq(routes_find(&route, rows[_i].method,
					     text_of(rows[_i].path), &id,
					     &allow),
				 rows[_i].r);
		ck_assert_int_eq(route, rows[_i].route);
		if (rows[_i].r == ROUTE_E_METHOD)
			ck_assert_ptr_nonnull(allow);
	}
END_TEST

START_TEST(the_id_in_a_path_is_read)
	{
		char text[ORDER_ID_CHARS + 1];
		enum route route;
		struct order_id id;
		const char *allow;

		ck_assert_int_eq(routes_find(&route, GET, TEXT("/orders/" ID),
					     &id, &allow),
				 0);
		ck_assert_str_eq(order_id_format(&id, text), ID);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routes");
	TCase *tcase = tcase_create("routes");

	tcase_add_loop_test(tcase, a_method_and_a_path_lead_to_a_route, 0,
			    CHECK_N(rows));
	tcase_add_test(tcase, the_id_in_a_path_is_read);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
