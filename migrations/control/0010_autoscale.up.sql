-- Services whose number of workers follows their lag, and what was thought of
-- each colour last.
CREATE TABLE IF NOT EXISTS control.autoscale (
	service text PRIMARY KEY,
	least int NOT NULL CHECK (least >= 1),
	most int NOT NULL,
	target_s int NOT NULL CHECK (target_s >= 1), -- records may wait so long
	CHECK (most >= least)
);
CREATE TABLE IF NOT EXISTS control.autoscale_verdicts (
	service text NOT NULL
		REFERENCES control.autoscale (service) ON DELETE CASCADE,
	colour text NOT NULL,
	at timestamptz NOT NULL,
	instances int NOT NULL,
	why text NOT NULL,
	PRIMARY KEY (service, colour)
) WITH (fillfactor = 50);
