-- What changes of lanes leave behind, for people.

-- A verb whose commit got no answer looks for its token, which tells whether
-- it happened.
ALTER TABLE control.audit ADD COLUMN IF NOT EXISTS token uuid;
CREATE UNIQUE INDEX IF NOT EXISTS audit_token ON control.audit (token)
	WHERE token IS NOT NULL;

-- Each change of lanes: its row of the audit, and what was seen of it.
CREATE TABLE IF NOT EXISTS control.switches (
	id bigint PRIMARY KEY, -- of control.audit
	service text NOT NULL,
	-- where the lanes were that changed hands, as the change found them:
	-- [{"lane": "stable", "topic": "orders", "partition": 3,
	--   "from": "blue", "to": "green", "next": 1234}]
	moved jsonb NOT NULL,
	-- sessions that were in its way and were ended
	ended jsonb NOT NULL DEFAULT '[]',
	-- the longest gap between two commits around it; NULL: not measured
	pause_ms bigint
);

-- A service that a person holds: its lanes have no colour, so that nobody
-- works them, until they are given back.
CREATE TABLE IF NOT EXISTS control.holds (
	service text PRIMARY KEY,
	who text NOT NULL,
	why text NOT NULL,
	at timestamptz NOT NULL DEFAULT now(),
	colours jsonb NOT NULL -- {"stable": "blue"}: what release gives back
);
