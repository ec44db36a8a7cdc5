-- A key of stock_changes that always fits, and what a count has counted.
--
-- The old key had three texts of up to 1020 bytes each, and an index takes
-- 2704. An event is known by a digest now. The database makes it of the
-- columns, so that each version of a worker, and a rebuild, have the same one.
CREATE OR REPLACE FUNCTION stock_event_key(source text, event_id text)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT sha256(convert_to(
		octet_length(source) || ':' || source || event_id, 'UTF8'))
$$;

ALTER TABLE stock_changes
	-- of a count; NULL: written before this column was
	ADD COLUMN IF NOT EXISTS counted bigint,
	ADD COLUMN IF NOT EXISTS event_key bytea NOT NULL
		GENERATED ALWAYS AS (stock_event_key(source, event_id)) STORED;
ALTER TABLE stock_changes
	DROP CONSTRAINT IF EXISTS stock_changes_pkey,
	ADD CONSTRAINT stock_changes_pkey PRIMARY KEY (event_key, ingredient);
-- For workers of versions that look by (source, event_id). A hash index takes
-- texts of any length. It goes when no such worker lives any more.
CREATE INDEX IF NOT EXISTS stock_changes_event_id
	ON stock_changes USING hash (event_id);

-- As before, but a sum that no bigint holds is no error: the row is then not
-- as the decision took for granted, and the decision finds out which command
-- it was.
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
	WHERE CASE WHEN d.expected IS NULL
			THEN s.quantity::numeric + d.delta
				BETWEEN 0 AND 9223372036854775807
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
