-- What jafflr makes of picks. Who holds the position of a row's topic,
-- partition and lane holds the row.

CREATE TABLE IF NOT EXISTS toasties (
	order_id uuid PRIMARY KEY,
	number bigint,
	stall text NOT NULL,
	customer text,
	doneness text NOT NULL,
	-- collecting: not all lines of a v1 pick are there
	-- cancelled: the cancellation came before the pick
	state text NOT NULL CHECK (state IN ('collecting', 'cancelled',
		'queued', 'grilling', 'done', 'failed', 'uncertain',
		'returned')),
	-- seq rises with each change that is told; published_seq follows.
	seq bigint NOT NULL DEFAULT 0,
	published_seq bigint NOT NULL DEFAULT 0,
	lines int NOT NULL,
	lines_seen bigint NOT NULL DEFAULT 0, -- a bit a line, 0 to 31
	partition int NOT NULL, -- where on `picks` it began
	"offset" bigint NOT NULL,
	bucket int NOT NULL, -- its lane key's, 0 to 4095
	grill text,
	plate int,
	reason text,
	traceparent text,
	tracestate text,
	changed_at timestamptz NOT NULL,
	CHECK (published_seq <= seq)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS toasties_queued
	ON toasties (changed_at) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS toasties_to_publish
	ON toasties (partition) WHERE published_seq < seq;

-- Written, and its `grilling` fact acknowledged, before a plate is started.
CREATE TABLE IF NOT EXISTS intents (
	intent_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id uuid NOT NULL REFERENCES toasties (order_id),
	grill text NOT NULL,
	plate int NOT NULL,
	token bigint NOT NULL,
	time_ms bigint NOT NULL,
	-- What the plate said of itself before: another boot since then means
	-- that it has forgotten what it ran.
	boot bigint,
	opened_at timestamptz NOT NULL,
	closed_at timestamptz,
	outcome text
);
CREATE UNIQUE INDEX IF NOT EXISTS intents_one_open_a_plate
	ON intents (grill, plate) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS intents_one_open_an_order
	ON intents (order_id) WHERE closed_at IS NULL;
-- On how many plates has it been tried?
CREATE INDEX IF NOT EXISTS intents_of_order ON intents (order_id);

-- The whole life of an order, as a page shows it.
CREATE OR REPLACE VIEW order_view AS
	SELECT o.order_id, o.number, o.stall, o.customer, o.items, o.doneness,
		o.grill AS wants_grill, o.verdict, o.missing,
		o.cancelled_at IS NOT NULL AS cancelled,
		o.returned_at IS NOT NULL AS returned,
		t.state AS toastie_state, t.seq AS toastie_seq,
		t.grill, t.plate, t.reason, o.partition, o."offset",
		o.decided_at
	FROM orders o LEFT JOIN toasties t USING (order_id);
