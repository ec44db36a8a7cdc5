/* SPDX-License-Identifier: MIT */
/* Routes: which path and method lead where. */
#include "producers/storefront/routes.h"

#include "infra/lib/check_fixture.h"

#define ID "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define GET HTTP_METHOD_GET
#define HEAD HTTP_METHOD_HEAD
#define POST HTTP_METHOD_POST
#define OTHER HTTP_METHOD_OTHER

static const struct {
	enum http_method method;
	const char *path, *name;
	int r;
	bool has_id;
} rows[] = {
	{ POST, "/orders", "place_order", 0, false },
	{ GET, "/orders", "place_order", ROUTE_E_METHOD, false },
	{ OTHER, "/orders", "place_order", ROUTE_E_METHOD, false },
	{ GET, "/orders/" ID, "show_order", 0, true },
	{ HEAD, "/orders/" ID, "show_order", 0, true },
	{ POST, "/orders/" ID, "show_order", ROUTE_E_METHOD, false },
	{ GET, "/orders/x", "show_order", ROUTE_E_ID, false },
	{ GET, "/orders/", "page", 0, false },
	{ POST, "/orders/" ID "/cancel", "cancel_order", 0, true },
	{ POST, "/orders/x/cancel", "cancel_order", ROUTE_E_ID, false },
	{ GET, "/orders/" ID "/cancel", "cancel_order", ROUTE_E_METHOD, false },
	{ GET, "/orders/" ID "/x", "page", 0, false },
	{ GET, "/orders/x/y", "page", 0, false },
	{ GET, "/stock", "show_stock", 0, false },
	{ POST, "/restock", "restock", 0, false },
	{ GET, "/events", "events", 0, false },
	{ GET, "/livez", "livez", 0, false },
	{ GET, "/readyz", "readyz", 0, false },
	{ GET, "/startupz", "startupz", 0, false },
	{ GET, "/metrics", "metrics", 0, false },
	{ GET, "/", "page", 0, false },
	{ GET, "/../../etc/passwd", "page", 0, false },
	{ POST, "/", "page", ROUTE_E_METHOD, false },
};

START_TEST(a_method_and_a_path_lead_to_a_route)
	{
		char text[ORDER_ID_CHARS + 1];
		const struct route *route = NULL;
		struct order_id id;

		ck_assert_int_eq(routes_find(&route, rows[_i].method,
					     text_of(rows[_i].path), &id),
				 rows[_i].r);
		ck_assert_str_eq(route->name, rows[_i].name);
		if (rows[_i].has_id)
			ck_assert_str_eq(order_id_format(&id, text), ID);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routes");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, a_method_and_a_path_lead_to_a_route, 0,
			    CHECK_N(rows));
	return check_run(suite);
}
