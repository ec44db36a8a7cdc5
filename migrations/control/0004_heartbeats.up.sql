-- A worker that lives says so every second. What a position's `holder` says
-- is the last one; a holder whose heartbeat is old is hung, cut off or gone.

CREATE TABLE IF NOT EXISTS control.heartbeats (
	holder text PRIMARY KEY,
	service text NOT NULL,
	colour text NOT NULL,
	version text NOT NULL,
	schema text NOT NULL, -- of the service's tables that it works on
	started_at timestamptz NOT NULL,
	at timestamptz NOT NULL, -- by the clock of the database
	ready boolean NOT NULL,
	reason text, -- why it is not ready
	-- partitions that it cannot read:
	-- [{"topic": "orders", "partition": 3, "what": "..."}]
	troubles jsonb NOT NULL DEFAULT '[]',
	CHECK (ready = (reason IS NULL))
) WITH (fillfactor = 50);
