-- SPDX-License-Identifier: MIT
--
-- A line for each thing that is not as it should be after a drain or a floor.
--
-- Variables: n, how many orders were sent, all of which the stock covers; facts,
-- how many are on picks, and unpublished, how many positions may have some that
-- are not: NULL where nothing publishes.
SET search_path = galore;
WITH taken AS (
	SELECT stall, i->>'ingredient' AS ingredient,
		sum((i->>'quantity')::bigint) AS n
	FROM order_view, jsonb_array_elements(items) AS i
	WHERE verdict = 'picked' GROUP BY 1, 2
), added AS (
	SELECT stall, ingredient, sum(delta) AS n
	FROM stock_changes GROUP BY 1, 2
), positions AS (
	SELECT * FROM positions WHERE service = 'chillybin'
)
SELECT format('%s: %s, expected %s', what, is_now, expected)
FROM (VALUES
	('orders', (SELECT count(*) FROM orders), :n),
	('orders picked',
		(SELECT count(*) FROM orders WHERE verdict = 'p'), :n),
	('ingredients not conserved', (
		SELECT count(*) FROM stock s
			LEFT JOIN taken USING (stall, ingredient)
			LEFT JOIN added USING (stall, ingredient)
		WHERE s.quantity <> coalesce(added.n, 0) - coalesce(taken.n, 0)
	), 0),
	('records decided', (
		SELECT sum(next_offset)::bigint FROM positions
		WHERE topic = 'orders'), :n),
	('positions with unpublished facts', (
		SELECT count(*) FROM positions
		WHERE next_offset <> emitted_offset), :unpublished),
	('facts on picks', :facts::bigint, :n)
) AS c(what, is_now, expected)
WHERE is_now <> expected;
