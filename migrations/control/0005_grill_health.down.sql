ALTER TABLE control.grills
	DROP COLUMN IF EXISTS silent_reason,
	DROP COLUMN IF EXISTS silent_since,
	DROP COLUMN IF EXISTS seen_at;
ALTER TABLE control.grills DROP CONSTRAINT IF EXISTS grills_unit_check;
-- Grills that the new rule allowed stay as they are.
ALTER TABLE control.grills ADD CONSTRAINT grills_unit_check
	CHECK (unit BETWEEN 1 AND 247) NOT VALID;
