DROP TRIGGER IF EXISTS lanes_ended ON control.lanes;
DROP FUNCTION IF EXISTS control.number_ended_lane();
ALTER TABLE control.lanes
	DROP COLUMN IF EXISTS ended,
	DROP COLUMN IF EXISTS made;
