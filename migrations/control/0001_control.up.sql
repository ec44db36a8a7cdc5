-- The schema `control`: who works what, and the grills. It stands outside the
-- service's schema, so that a rebuild can swap that one and leave this alone.

CREATE SCHEMA IF NOT EXISTS control;

-- Fences: each take-over and each change of lanes takes the next one.
CREATE SEQUENCE IF NOT EXISTS control.epoch_seq AS bigint;

-- A lane is a share of a service's records, worked by exactly one colour.
-- A record belongs to the deepest lane whose rule it meets, from `stable` on.
-- A lane's rule never changes; when it ends, its records fall to its parent.
CREATE TABLE IF NOT EXISTS control.lanes (
	service text NOT NULL,
	lane text NOT NULL,
	parent text,
	kind text NOT NULL
		CHECK (kind IN ('rest', 'buckets', 'stalls', 'customers')),
	-- buckets: of the hash's 4096, from bucket_from up to below bucket_to
	bucket_from int CHECK (bucket_from BETWEEN 0 AND 4095),
	bucket_to int CHECK (bucket_to BETWEEN 1 AND 4096),
	-- stalls, customers: their names
	names text[],
	colour text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	ended_at timestamptz,
	PRIMARY KEY (service, lane),
	FOREIGN KEY (service, parent) REFERENCES control.lanes (service, lane),
	CHECK ((kind = 'rest') = (parent IS NULL)),
	CHECK ((kind = 'rest') = (lane = 'stable')),
	CHECK ((kind = 'buckets') = (bucket_from IS NOT NULL)),
	CHECK ((kind = 'buckets') = (bucket_to IS NOT NULL)),
	CHECK (bucket_from < bucket_to),
	CHECK ((kind IN ('stalls', 'customers')) = (names IS NOT NULL)),
	CHECK (lane <> 'stable' OR ended_at IS NULL)
);

-- Every write of an operator, with what was there before and after.
CREATE TABLE IF NOT EXISTS control.audit (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT now(),
	who text NOT NULL,
	verb text NOT NULL,
	what jsonb NOT NULL,
	before jsonb,
	after jsonb
);

INSERT INTO control.lanes (service, lane, kind, colour)
VALUES ('chillybin', 'stable', 'rest', 'blue'),
	('jafflr', 'stable', 'rest', 'blue')
ON CONFLICT DO NOTHING;
