-- Unit 0 and 255 mean the device at the address itself (Modbus TCP). And what
-- jafflr hears of each grill, by the clock of the database.
ALTER TABLE control.grills DROP CONSTRAINT IF EXISTS grills_unit_check;
ALTER TABLE control.grills
	ADD CONSTRAINT grills_unit_check CHECK (unit BETWEEN 0 AND 255);
ALTER TABLE control.grills
	-- The last time that it answered, written every few seconds.
	ADD COLUMN IF NOT EXISTS seen_at timestamptz,
	-- Since when it does not answer, and how; both NULL while it does.
	ADD COLUMN IF NOT EXISTS silent_since timestamptz,
	ADD COLUMN IF NOT EXISTS silent_reason text;
