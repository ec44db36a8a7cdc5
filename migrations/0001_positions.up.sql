-- The truth about position, and what could not be acted on. No file here
-- names a schema: they run in the one that they are pointed at.

-- next_offset: up to where input is decided. emitted_offset: up to where its
-- facts are on their topic. epoch: the fence; holder: who works it.
CREATE TABLE IF NOT EXISTS positions (
	service text NOT NULL,
	lane text NOT NULL,
	topic text NOT NULL,
	partition int NOT NULL,
	colour text NOT NULL,
	next_offset bigint NOT NULL DEFAULT 0,
	emitted_offset bigint NOT NULL DEFAULT 0,
	epoch bigint NOT NULL DEFAULT 0,
	holder text,
	PRIMARY KEY (service, lane, topic, partition),
	CHECK (emitted_offset BETWEEN 0 AND next_offset)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS dead_letters (
	service text NOT NULL,
	topic text NOT NULL,
	partition int NOT NULL,
	"offset" bigint NOT NULL,
	reason text NOT NULL, -- a word: malformed, contract, conflict, ...
	detail text NOT NULL, -- what and where
	event_id text,
	key bytea,
	at timestamptz NOT NULL,
	PRIMARY KEY (topic, partition, "offset", service)
);

-- Taking over: one UPDATE, which never looks at lanes.
CREATE OR REPLACE FUNCTION take_over(
	my_service text, my_colour text, me text, topics text[],
	partitions int[])
RETURNS TABLE (lane text, topic text, partition int, next_offset bigint,
	emitted_offset bigint, epoch bigint)
LANGUAGE sql AS $$
	UPDATE positions p
	SET epoch = nextval('control.epoch_seq'), holder = me
	FROM (SELECT q.lane, q.topic, q.partition
		FROM positions q
		WHERE q.service = my_service AND q.colour = my_colour
			AND (q.topic, q.partition) IN (
				SELECT * FROM unnest(topics, partitions))
		ORDER BY q.lane, q.topic, q.partition
		FOR UPDATE) mine
	WHERE p.service = my_service AND p.colour = my_colour
		AND p.lane = mine.lane AND p.topic = mine.topic
		AND p.partition = mine.partition
	RETURNING p.lane, p.topic, p.partition, p.next_offset,
		p.emitted_offset, p.epoch
$$;

-- The compare-and-set that ends each batch. Rows that are not exactly what
-- their holder believes fail the whole transaction.
CREATE OR REPLACE FUNCTION move_positions(
	my_service text, lanes text[], topics text[], partitions int[],
	epochs bigint[], old_next bigint[], new_next bigint[],
	emitted bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n_moved int;
BEGIN
	PERFORM 1 FROM positions q
	WHERE q.service = my_service AND (q.lane, q.topic, q.partition) IN (
		SELECT * FROM unnest(lanes, topics, partitions))
	ORDER BY q.lane, q.topic, q.partition
	FOR UPDATE;
	UPDATE positions p
	SET next_offset = m.new_next,
		emitted_offset = greatest(p.emitted_offset,
			least(m.emitted, m.new_next))
	FROM unnest(lanes, topics, partitions, epochs, old_next, new_next,
		emitted)
		AS m(lane, topic, partition, epoch, old_next, new_next, emitted)
	WHERE p.service = my_service AND p.lane = m.lane AND p.topic = m.topic
		AND p.partition = m.partition AND p.epoch = m.epoch
		AND p.next_offset = m.old_next;
	GET DIAGNOSTICS n_moved = ROW_COUNT;
	IF n_moved <> cardinality(lanes) THEN
		RAISE EXCEPTION 'positions: % of % rows are still held',
			n_moved, cardinality(lanes)
			USING ERRCODE = 'TG001';
	END IF;
END
$$;

-- Who works a row that came from a position locks it against a take-over.
CREATE OR REPLACE FUNCTION hold_positions(
	my_service text, lanes text[], topics text[], partitions int[],
	epochs bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n_held int;
BEGIN
	PERFORM 1 FROM positions p
	JOIN unnest(lanes, topics, partitions, epochs)
		AS m(lane, topic, partition, epoch)
		ON p.service = my_service AND p.lane = m.lane
		AND p.topic = m.topic AND p.partition = m.partition
		AND p.epoch = m.epoch
	ORDER BY p.lane, p.topic, p.partition
	FOR SHARE OF p;
	GET DIAGNOSTICS n_held = ROW_COUNT;
	IF n_held <> cardinality(lanes) THEN
		RAISE EXCEPTION 'positions: % of % rows are still held',
			n_held, cardinality(lanes)
			USING ERRCODE = 'TG001';
	END IF;
END
$$;

-- A service's rows for a topic, all at the beginning; lane `stable`.
CREATE OR REPLACE FUNCTION add_positions(my_service text, my_topic text,
	n_partitions int)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO positions (service, lane, topic, partition, colour)
	SELECT my_service, 'stable', my_topic, p, 'blue'
	FROM generate_series(0, n_partitions - 1) AS p
	ON CONFLICT DO NOTHING
$$;

SELECT add_positions('chillybin', t, 12)
FROM unnest(ARRAY['orders', 'restocks', 'toasties']) AS t;
SELECT add_positions('jafflr', 'picks', 12);
