-- SPDX-License-Identifier: MIT
--
-- Stock that covers :n orders, by a change of each ingredient.
SET search_path = galore;
INSERT INTO stock_changes (source, event_id, ingredient, stall, kind, delta,
	topic, partition, "offset", decided_at)
SELECT 'bench', i, i, 'main', 'added', 10 * :n::bigint, 'restocks', 0, 0, now()
FROM unnest(ARRAY['bread', 'cheese', 'vegemite', 'ham', 'tomato', 'pineapple',
	'onion', 'egg']) AS i;
INSERT INTO stock (stall, ingredient, quantity)
SELECT stall, ingredient, delta FROM stock_changes;
