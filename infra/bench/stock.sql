-- SPDX-License-Identifier: MIT
--
-- Stock that covers :n orders, by a change of each ingredient: at the stall
-- `main`, or at so many :stalls as stampede names them.
SET search_path = galore;
INSERT INTO stock_changes (source, event_id, ingredient, stall, kind, delta,
	topic, partition, "offset", decided_at)
SELECT 'bench', stall || '/' || i, i, stall, 'added', 10 * :n::bigint,
	'restocks', 0, 0, now()
FROM unnest(ARRAY['bread', 'cheese', 'vegemite', 'ham', 'tomato', 'pineapple',
	'onion', 'egg']) AS i,
	(SELECT CASE WHEN :stalls = 1 THEN 'main' ELSE 'stall-' || s END AS stall
	FROM generate_series(1, :stalls) AS s) AS s;
INSERT INTO stock (stall, ingredient, quantity)
SELECT stall, ingredient, delta FROM stock_changes;
