-- tally: toasties done per stall and hour.
CREATE TABLE IF NOT EXISTS tally (
	stall text NOT NULL,
	hour timestamptz NOT NULL,
	toasties bigint NOT NULL,
	PRIMARY KEY (stall, hour)
);

-- What was counted already: a fact may come twice.
CREATE TABLE IF NOT EXISTS tallied (
	order_id uuid PRIMARY KEY
);

SELECT add_positions('tally', 'toasties', 12);
