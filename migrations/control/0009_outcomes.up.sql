-- What a worker has counted since it started, with its heartbeat, so that the
-- outcomes of two colours can be compared whatever hosts they run on.
ALTER TABLE control.heartbeats
	ADD COLUMN IF NOT EXISTS counters jsonb NOT NULL DEFAULT '{}';
