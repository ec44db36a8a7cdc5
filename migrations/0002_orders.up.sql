-- Orders, stock, and every change of stock that no order tells.

CREATE TABLE IF NOT EXISTS stock (
	stall text NOT NULL,
	ingredient text NOT NULL,
	quantity bigint NOT NULL CHECK (quantity >= 0),
	PRIMARY KEY (stall, ingredient)
) WITH (fillfactor = 50);

-- A verdict stays as it was decided: cancellation and return are columns of
-- their own, each with the position of the record that brought it.
CREATE TABLE IF NOT EXISTS orders (
	order_id uuid PRIMARY KEY,
	number bigint NOT NULL,
	stall text NOT NULL,
	customer text,
	items jsonb NOT NULL, -- [{"ingredient": "cheese", "quantity": 1}]
	doneness text NOT NULL,
	grill boolean NOT NULL,
	metadata bytea, -- the msgpack map as it came
	content_hash bigint NOT NULL,
	verdict text NOT NULL CHECK (verdict IN ('picked', 'refused')),
	missing jsonb, -- [{"ingredient": "bread", "wanted": 2, "left": 1}]
	order_version smallint NOT NULL,
	pick_version smallint NOT NULL,
	partition int NOT NULL, -- where on `orders` it stands
	"offset" bigint NOT NULL,
	decided_at timestamptz NOT NULL,
	traceparent text,
	tracestate text,
	cancelled_position text,
	cancelled_at timestamptz,
	cancel_traceparent text,
	cancel_tracestate text,
	returned_event text,
	returned_at timestamptz,
	CHECK ((verdict = 'refused') = (missing IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS orders_number ON orders (number);

CREATE TABLE IF NOT EXISTS stock_changes (
	source text NOT NULL, -- the event's, or its topic
	event_id text NOT NULL, -- the event's, or its position
	ingredient text NOT NULL,
	stall text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('added', 'counted', 'returned')),
	delta bigint NOT NULL,
	order_id uuid,
	topic text NOT NULL,
	partition int NOT NULL,
	"offset" bigint NOT NULL,
	decided_at timestamptz NOT NULL,
	traceparent text,
	tracestate text,
	PRIMARY KEY (source, event_id, ingredient)
);

-- Takes the stock: deltas summed per ingredient, rows locked in one order.
-- `expected` NULL: what is there must cover it. Else the row must be what was
-- read, a delta of 0 only holds it to that; -1 says that there was none, and
-- -2 that there was none and is one from now on, if only of 0.
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

-- A row count that is not what the decision rests on: somebody knew it.
CREATE OR REPLACE FUNCTION expect_rows(n_rows bigint, n_expected bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF n_rows <> n_expected THEN
		RAISE EXCEPTION '% of % rows are new', n_rows, n_expected
			USING ERRCODE = 'TG003';
	END IF;
END
$$;

CREATE OR REPLACE VIEW stock_view AS
	SELECT stall, ingredient, quantity FROM stock;

CREATE OR REPLACE VIEW positions_view AS
	SELECT service, lane, topic, partition, next_offset, emitted_offset
	FROM positions;
