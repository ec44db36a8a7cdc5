-- The queue of toasties is in the order of a number that the database gives:
-- a clock that jumps changes nothing. A row gets its number once, when it is
-- written first, and keeps it: what goes back to the queue is before all that
-- came later. Rows that were over already have none.
--
-- All of it is one transaction, and from ALTER TABLE on nobody else can read or
-- write `toasties`. What takes its time is the UPDATE of what is open and the
-- indexes, which read the whole table: with 1 million rows in each table, 0005
-- and 0006 together took about 17 s on a machine with two cores. Workers wait,
-- and go on afterwards.
CREATE SEQUENCE IF NOT EXISTS toastie_queue_seq AS bigint;
ALTER TABLE toasties
	ADD COLUMN IF NOT EXISTS queue_number bigint,
	-- By the clock of the database; for people and metrics, never for order.
	ADD COLUMN IF NOT EXISTS queued_at timestamptz,
	-- The customer has cancelled, whatever the state: what is cancelled and
	-- goes back to the queue is returned instead.
	ADD COLUMN IF NOT EXISTS cancelled boolean NOT NULL DEFAULT false;
ALTER SEQUENCE toastie_queue_seq OWNED BY toasties.queue_number;
UPDATE toasties t
SET queue_number = o.queue_number, cancelled = t.state = 'cancelled'
FROM (SELECT w.order_id, nextval('toastie_queue_seq') AS queue_number
	FROM (SELECT order_id FROM toasties
		WHERE queue_number IS NULL AND state IN ('collecting',
			'cancelled', 'queued', 'grilling', 'uncertain')
		ORDER BY changed_at, order_id) w) o
WHERE t.order_id = o.order_id;
ALTER TABLE toasties
	ALTER COLUMN queue_number SET DEFAULT nextval('toastie_queue_seq'),
	ALTER COLUMN queued_at SET DEFAULT now();

-- The oldest of each stall, whatever waits at the other stalls. The index
-- toasties_queued stays: an older jafflr asks for the queue by changed_at. A
-- later migration takes it away, when no such jafflr runs any more.
CREATE INDEX IF NOT EXISTS toasties_queue
	ON toasties (stall, queue_number NULLS FIRST) WHERE state = 'queued';
-- Cancelled rows that an older jafflr puts back into the queue; hardly ever any.
CREATE INDEX IF NOT EXISTS toasties_queued_cancelled
	ON toasties (partition) WHERE state = 'queued' AND cancelled;
-- A person is asked about these, however long the table is.
CREATE INDEX IF NOT EXISTS toasties_uncertain
	ON toasties (stall) WHERE state = 'uncertain';

-- The lane of a row, as lanes_find() of the workers says: the history of lanes,
-- played for it. @mask has a bit for each lane whose rule the row meets; a lane
-- has its parent and the number of the first lane that was made after it had
-- ended. Lanes count from 0; lane 0 is `stable`.
CREATE OR REPLACE FUNCTION find_lane(mask bigint, parents int[], untils int[])
RETURNS int LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	n_lanes int := cardinality(parents);
	found int := 0;
BEGIN
	FOR i IN 1 .. n_lanes LOOP
		WHILE found > 0 AND untils[found + 1] <= i LOOP
			found := parents[found + 1];
		END LOOP;
		IF i < n_lanes AND parents[i + 1] = found
				AND mask >> i & 1 = 1 THEN
			found := i;
		END IF;
	END LOOP;
	RETURN found;
END
$$;
