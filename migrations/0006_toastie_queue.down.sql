DROP FUNCTION IF EXISTS find_lane(bigint, int[], int[]);
DROP INDEX IF EXISTS toasties_uncertain;
DROP INDEX IF EXISTS toasties_queued_cancelled;
DROP INDEX IF EXISTS toasties_queue;
ALTER TABLE toasties
	DROP COLUMN IF EXISTS cancelled,
	DROP COLUMN IF EXISTS queued_at,
	DROP COLUMN IF EXISTS queue_number;
DROP SEQUENCE IF EXISTS toastie_queue_seq;
