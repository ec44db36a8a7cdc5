-- SPDX-License-Identifier: MIT
--
-- The floor, made from a drained database: its orders as files of COPY, a batch
-- each, and floor.sql, a script for psql that writes them again. Each of its
-- transactions is what chillybin's is: COPY, the summed stock, the
-- compare-and-set of the positions. It prints how many orders it wrote a second,
-- from a tenth to nine tenths of the batches.
--
-- Variables: dir, where the files go; batch, orders a transaction; part and
-- parts: of so many connections this one, each of which has its own partitions.
SET search_path = galore;

CREATE TEMP TABLE numbered AS
SELECT (row_number() OVER (ORDER BY ctid) - 1) / :batch AS batch, *
FROM orders WHERE partition % :parts = :part;
CREATE INDEX ON numbered (batch);
ANALYZE numbered;

-- What a new order's row has.
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
FROM pg_attribute
WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped
	AND attgenerated = '' AND attname !~ '^(cancel|return)' \gset
SELECT max(batch) + 1 AS n_batches FROM numbered \gset
SELECT array_agg(p) AS partitions, array_agg('orders'::text) AS topics
FROM generate_series(0, 11) AS p WHERE p % :parts = :part \gset

\o :dir/export.sql
SELECT format('\copy (SELECT %s FROM numbered WHERE batch = %s) TO ''%s/%s.rows'' (FORMAT binary)',
	:'columns', batch, :'dir', batch)
FROM generate_series(0, :n_batches - 1) AS batch;
\o
\i :dir/export.sql

-- Of each batch: what it takes of the stock, and where it ends on each of the
-- partitions. Rows need not stand in the table as they stood on the topic.
CREATE TEMP VIEW taken AS
SELECT batch, format('SELECT take_stock(%L, %L, %L, %L)',
	array_agg(stall), array_agg(ingredient), array_agg(-n),
	array_agg(NULL::bigint)) AS call
FROM (
	SELECT batch, o.stall, i->>'ingredient' AS ingredient,
		sum((i->>'quantity')::bigint) AS n
	FROM numbered JOIN order_view AS o USING (order_id),
		jsonb_array_elements(o.items) AS i
	GROUP BY 1, 2, 3) AS sums
GROUP BY batch;
CREATE TEMP VIEW ends AS
SELECT batch, partition, coalesce(max(max("offset") + 1) OVER (
	PARTITION BY partition ORDER BY batch), 0) AS till
FROM generate_series(0, :n_batches - 1) AS batch
	CROSS JOIN unnest(:'partitions'::int[]) AS partition
	LEFT JOIN numbered USING (batch, partition)
GROUP BY 1, 2;
CREATE TEMP VIEW moved AS
SELECT batch, format('SELECT move_positions(''chillybin'', %L, %L, %L, :''epochs'', %L, %L, %L)',
	array_agg('stable'::text), array_agg('orders'::text),
	array_agg(partition ORDER BY partition),
	array_agg(since ORDER BY partition), array_agg(till ORDER BY partition),
	array_agg(since ORDER BY partition)) AS call
FROM (
	SELECT batch, partition, till, coalesce(lag(till) OVER (
		PARTITION BY partition ORDER BY batch), 0) AS since
	FROM ends) AS moves
GROUP BY batch;

\o :dir/floor.sql
\qecho SET search_path = galore;
\qecho '\\o /dev/null'
\qecho 'SELECT array_agg(epoch ORDER BY partition) AS epochs'
SELECT format('FROM take_over(''chillybin'', ''blue'', ''floor'', %L, %L) \gset',
	:'topics', :'partitions');
SELECT concat_ws(E'\n',
	CASE batch WHEN :n_batches / 10
		THEN 'SELECT clock_timestamp() AS since \gset' END,
	'BEGIN;',
	format('\copy orders (%s) FROM ''%s/%s.rows'' (FORMAT binary)',
		:'columns', :'dir', batch),
	taken.call || ' \;',
	moved.call || ' \;',
	'COMMIT;',
	CASE batch WHEN :n_batches * 9 / 10 - 1
		THEN 'SELECT clock_timestamp() AS till \gset' END)
FROM taken JOIN moved USING (batch)
ORDER BY batch;
\qecho '\\o'
SELECT format('SELECT round(%s / extract(epoch FROM :''till''::timestamptz - :''since''));',
	(:n_batches * 9 / 10 - :n_batches / 10) * :batch);
\o
