-- SPDX-License-Identifier: MIT
--
-- A line for each thing that is not as it should be after a drain or a floor.
--
-- Variables: rows, how many orders the table has; picked, how many of them were
-- sent by now, all of which the stock covers; decided, at which offsets the
-- positions stand, summed; unpublished, how many positions may have facts that
-- are not published. NULL: it does not matter.
SET search_path = galore;
WITH taken AS (
	-- As order_view has it, but quick enough for millions of rows.
	SELECT stall, wide_name(i) AS ingredient,
		sum(wide_number(split_part(i, ' ', 1))) AS n
	FROM orders, string_to_table(items, ';') AS i
	WHERE verdict = 'p' GROUP BY 1, 2
), added AS (
	SELECT stall, ingredient, sum(delta) AS n
	FROM stock_changes GROUP BY 1, 2
), positions AS (
	SELECT * FROM positions WHERE service = 'chillybin'
)
SELECT format('%s: %s, expected %s', what, is_now, expected)
FROM (VALUES
	('orders', (SELECT count(*) FROM orders), :rows),
	('orders picked',
		(SELECT count(*) FROM orders WHERE verdict = 'p'), :picked),
	('ingredients not conserved', (
		SELECT count(*) FROM stock s
			LEFT JOIN taken USING (stall, ingredient)
			LEFT JOIN added USING (stall, ingredient)
		WHERE s.quantity <> coalesce(added.n, 0) - coalesce(taken.n, 0)
	), 0),
	('records decided', (
		SELECT sum(next_offset)::bigint FROM positions
		WHERE topic = 'orders'), :decided),
	('positions with unpublished facts', (
		SELECT count(*) FROM positions
		WHERE next_offset <> emitted_offset), :unpublished)
) AS c(what, is_now, expected)
WHERE is_now <> expected;
