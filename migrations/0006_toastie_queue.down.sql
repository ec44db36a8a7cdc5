DROP FUNCTION IF EXISTS find_lane(bigint, int[], int[]);
DROP INDEX IF EXISTS toasties_uncertain;
DROP INDEX IF EXISTS toasties_queue;
CREATE INDEX IF NOT EXISTS toasties_queued
	ON toasties (changed_at) WHERE state = 'queued';
ALTER TABLE toasties
	DROP COLUMN IF EXISTS cancelled,
	DROP COLUMN IF EXISTS queued_at,
	DROP COLUMN IF EXISTS queue_number;
DROP SEQUENCE IF EXISTS toastie_queue_seq;
