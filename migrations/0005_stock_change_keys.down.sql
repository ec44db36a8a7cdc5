-- A row whose texts the old key cannot take keeps this from being done.
ALTER TABLE stock_changes
	DROP CONSTRAINT IF EXISTS stock_changes_pkey,
	ADD CONSTRAINT stock_changes_pkey
		PRIMARY KEY (source, event_id, ingredient);
DROP INDEX IF EXISTS stock_changes_event_id;
ALTER TABLE stock_changes
	DROP COLUMN IF EXISTS event_key,
	DROP COLUMN IF EXISTS counted;
DROP FUNCTION IF EXISTS stock_event_key(text, text);

CREATE OR REPLACE FUNCTION take_stock(stalls text[], ingredients text[],
	deltas bigint[], expected bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n_good int;
BEGIN
	PERFORM 1 FROM stock q
	WHERE (q.stall, q.ingredient) IN (
		SELECT * FROM unnest(stalls, ingredients))
	ORDER BY q.stall, q.ingredient
	FOR UPDATE;
	SELECT count(*) INTO n_good
	FROM unnest(stalls, ingredients, deltas, expected)
		AS d(stall, ingredient, delta, expected)
	LEFT JOIN stock s ON s.stall = d.stall AND s.ingredient = d.ingredient
	WHERE CASE WHEN d.expected IS NULL THEN s.quantity + d.delta >= 0
		WHEN d.expected < 0 THEN s.quantity IS NULL
		ELSE s.quantity = d.expected END;
	IF n_good <> cardinality(stalls) THEN
		RAISE EXCEPTION 'stock: % of % rows are as they were',
			n_good, cardinality(stalls)
			USING ERRCODE = 'TG002';
	END IF;
	UPDATE stock s SET quantity = s.quantity + d.delta
	FROM unnest(stalls, ingredients, deltas)
		AS d(stall, ingredient, delta)
	WHERE s.stall = d.stall AND s.ingredient = d.ingredient
		AND d.delta <> 0;
	INSERT INTO stock (stall, ingredient, quantity)
	SELECT d.stall, d.ingredient, d.delta
	FROM unnest(stalls, ingredients, deltas, expected)
		AS d(stall, ingredient, delta, expected)
	WHERE d.expected = -2
	ORDER BY d.stall, d.ingredient;
END
$$;
