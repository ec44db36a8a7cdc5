-- Grills and plates are tables, not settings of a colour: every jafflr
-- reaches every grill of its stalls.

CREATE TABLE IF NOT EXISTS control.grills (
	grill text PRIMARY KEY,
	address text NOT NULL, -- host:port, Modbus TCP
	unit int NOT NULL DEFAULT 1 CHECK (unit BETWEEN 1 AND 247),
	-- NULL: every stall that is not a demo stall
	stalls text[],
	enabled boolean NOT NULL DEFAULT true
);

CREATE TABLE IF NOT EXISTS control.plates (
	grill text NOT NULL REFERENCES control.grills (grill),
	plate int NOT NULL CHECK (plate >= 0),
	-- The highest token that was given out for this plate: 32 bits on the
	-- wire. A plate refuses a lower one than it has seen.
	token bigint NOT NULL DEFAULT 0 CHECK (token BETWEEN 0 AND 4294967295),
	-- Out of use until a person or a later reading says otherwise.
	out_since timestamptz,
	out_reason text,
	PRIMARY KEY (grill, plate)
);
