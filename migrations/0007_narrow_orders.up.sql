-- `orders` narrow, order_view wide. Half of what an order cost Postgres was the
-- width of its row, its jsonb and the index of its number; so the table is for
-- the worker, and people and programs read the view.
--
-- What of the old CHECKs stays costs nothing that can be measured: they compare
-- a byte. An index of the number would cost as much as the primary key does:
-- see orders_of_number(). BRIN costs nothing that can be measured either. Each
-- partition counts for itself, so a block holds as many clusters of offsets as
-- there are partitions, and one smallest and largest value would tell nothing.
--
-- Old and new workers cannot both run on this schema: stop chillybin, migrate,
-- start the new one. Before the first release nothing is expanded first. All is
-- one transaction, which writes each order again; readers of `orders` and
-- order_view wait for it.
DROP VIEW IF EXISTS order_view;
ALTER TABLE orders RENAME TO orders_before;
ALTER INDEX orders_pkey RENAME TO orders_before_pkey;
DROP INDEX IF EXISTS orders_number;

-- A verdict stays as it was decided: cancellation and return are columns of
-- their own, each with the position or id of the record that brought it.
CREATE TABLE orders (
	order_id uuid PRIMARY KEY,
	content_hash bigint NOT NULL, -- 0: not known, so no repeat conflicts
	"offset" bigint NOT NULL, -- where on the topic `orders` it stands
	decided_at timestamptz NOT NULL,
	partition smallint NOT NULL,
	order_version smallint NOT NULL,
	pick_version smallint NOT NULL,
	verdict "char" NOT NULL, -- the name's first letter
	doneness "char" NOT NULL, -- the same
	grill boolean NOT NULL,
	stall text NOT NULL,
	customer text,
	items text NOT NULL, -- 2 cheese;1 bread (% as %25 and ; as %3B)
	missing text, -- wanted/left: 2/1 bread;1/? ham (?: it never had any)
	trace bytea, -- 25 bytes: trace, span, flags
	tracestate text,
	metadata bytea, -- the msgpack map as it came
	cancelled_at timestamptz,
	returned_at timestamptz,
	cancelled_position text,
	cancel_trace bytea,
	cancel_tracestate text,
	returned_event text,
	CHECK (verdict IN ('p', 'r')),
	CHECK ((verdict = 'r') = (missing IS NOT NULL))
);
CREATE INDEX orders_offset ON orders
	USING brin ("offset" int8_minmax_multi_ops) WITH (autosummarize = on);

-- The number of an order, and the way back: 12 partitions, and 0 for the first
-- incarnation of the topic. NULL of an offset that no topic has.
CREATE OR REPLACE FUNCTION order_number(partition int, "offset" bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN "offset" BETWEEN 0 AND 768614336404564649
		THEN "offset" * 12 + partition END
$$;
CREATE OR REPLACE FUNCTION orders_of_number(number bigint)
RETURNS SETOF orders LANGUAGE sql STABLE AS $$
	SELECT * FROM orders
	WHERE partition = number % 12 AND "offset" = number / 12
$$;
-- The last that were decided. Of no partition more than n are among them; with
-- the offsets in its text, the statement reads only the blocks of these.
CREATE OR REPLACE FUNCTION newest_orders(n bigint)
RETURNS SETOF orders LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY EXECUTE (
		SELECT 'SELECT * FROM orders WHERE false'
			|| coalesce(string_agg(format(
				' OR partition = %s AND "offset" >= %s',
				partition, next - n), ''), '')
			|| ' ORDER BY decided_at DESC, "offset" DESC LIMIT '
			|| n
		FROM (SELECT partition, max(next_offset) AS next
			FROM positions WHERE service = 'chillybin'
				AND topic = 'orders' GROUP BY 1) AS p);
END
$$;

CREATE FUNCTION narrow_name(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT replace(replace(name, '%', '%25'), ';', '%3B')
$$;
-- Of a later version's flags one is known.
CREATE FUNCTION narrow_trace(trace text) RETURNS bytea LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE
	WHEN trace ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
	THEN decode(substr(trace, 4, 32) || substr(trace, 37, 16)
		|| CASE WHEN left(trace, 2) = '00' THEN right(trace, 2)
			WHEN right(trace, 1) ~ '[13579bdf]' THEN '01'
			ELSE '00' END, 'hex')
	END
$$;
-- A row that somebody has damaged stays damaged. Its content was hashed by
-- another function.
INSERT INTO orders (order_id, content_hash, "offset", decided_at, partition,
	order_version, pick_version, verdict, doneness, grill, stall, customer,
	items, missing, trace, tracestate, metadata, cancelled_at, returned_at,
	cancelled_position, cancel_trace, cancel_tracestate, returned_event)
SELECT order_id, 0, "offset", decided_at,
	CASE WHEN partition BETWEEN 0 AND 32767 THEN partition ELSE -1 END,
	order_version, pick_version, left(verdict, 1)::"char",
	CASE WHEN doneness IN ('light', 'medium', 'well-done', 'burnt')
		THEN left(doneness, 1) ELSE '?' END::"char",
	grill, stall, customer,
	coalesce((SELECT string_agg(concat(i->>'quantity', ' ',
			narrow_name(i->>'ingredient')), ';' ORDER BY n)
		FROM jsonb_array_elements(CASE jsonb_typeof(items)
			WHEN 'array' THEN items END)
			WITH ORDINALITY AS e(i, n)), ''),
	CASE verdict WHEN 'refused' THEN
		coalesce((SELECT string_agg(concat(i->>'wanted', '/',
				coalesce(i->>'left', '?'), ' ',
				narrow_name(i->>'ingredient')), ';' ORDER BY n)
			FROM jsonb_array_elements(CASE jsonb_typeof(missing)
				WHEN 'array' THEN missing END)
				WITH ORDINALITY AS e(i, n)), '')
	END,
	narrow_trace(traceparent), tracestate, metadata, cancelled_at,
	returned_at, cancelled_position, narrow_trace(cancel_traceparent),
	cancel_tracestate, returned_event
FROM orders_before;
DROP FUNCTION narrow_trace(text);
DROP FUNCTION narrow_name(text);
DROP TABLE orders_before;

-- What the forms above are in words.
CREATE OR REPLACE FUNCTION wide_verdict(verdict "char")
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE verdict WHEN 'p' THEN 'picked' ELSE 'refused' END
$$;
CREATE OR REPLACE FUNCTION wide_doneness(doneness "char")
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE doneness WHEN 'l' THEN 'light' WHEN 'm' THEN 'medium'
		WHEN 'w' THEN 'well-done' WHEN 'b' THEN 'burnt' ELSE '?' END
$$;
CREATE OR REPLACE FUNCTION wide_name(item text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT replace(replace(substr(item, strpos(item, ' ') + 1),
		'%3B', ';'), '%25', '%')
$$;
CREATE OR REPLACE FUNCTION wide_number(number text)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN number ~ '^[0-9]{1,18}$' THEN number::bigint END
$$;
CREATE OR REPLACE FUNCTION wide_trace(trace bytea)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT '00-' || encode(substr(trace, 1, 16), 'hex')
		|| '-' || encode(substr(trace, 17, 8), 'hex')
		|| '-' || encode(substr(trace, 25), 'hex')
$$;

-- The whole life of an order, as people read it. No value that somebody may
-- have put into a row by hand makes it fail.
CREATE VIEW order_view AS
	SELECT o.order_id, order_number(o.partition, o."offset") AS number,
		o.stall, o.customer,
		coalesce((SELECT jsonb_agg(jsonb_build_object(
				'ingredient', wide_name(i),
				'quantity', wide_number(split_part(i, ' ', 1)))
				ORDER BY n)
			FROM string_to_table(o.items, ';')
				WITH ORDINALITY AS e(i, n)), '[]') AS items,
		wide_doneness(o.doneness) AS doneness,
		o.grill AS wants_grill, wide_verdict(o.verdict) AS verdict,
		(SELECT jsonb_agg(jsonb_build_object(
				'ingredient', wide_name(i),
				'wanted', wide_number(split_part(i, '/', 1)),
				'left', wide_number(split_part(split_part(
					i, '/', 2), ' ', 1)))
				ORDER BY n)
			FROM string_to_table(o.missing, ';')
				WITH ORDINALITY AS e(i, n)) AS missing,
		o.cancelled_at IS NOT NULL AS cancelled,
		o.returned_at IS NOT NULL AS returned,
		t.state AS toastie_state, t.seq AS toastie_seq,
		t.grill, t.plate, t.reason, o.partition, o."offset",
		o.decided_at, o.content_hash, o.order_version, o.pick_version,
		wide_trace(o.trace) AS traceparent, o.tracestate, o.metadata,
		o.cancelled_position, o.cancelled_at,
		wide_trace(o.cancel_trace) AS cancel_traceparent,
		o.cancel_tracestate, o.returned_event, o.returned_at
	FROM orders o LEFT JOIN toasties t USING (order_id);

-- Each was there for workers of a version before, which cannot run any more.
DROP INDEX IF EXISTS toasties_queued;
DROP INDEX IF EXISTS stock_changes_event_id;
