-- The history of lanes is in the order of numbers that the database gives: a
-- clock that jumps changes nothing. Each lane has one when it is made, and
-- another one when it ends, whoever ends it.
ALTER TABLE control.lanes
	ADD COLUMN IF NOT EXISTS made bigint NOT NULL
		DEFAULT nextval('control.epoch_seq'),
	ADD COLUMN IF NOT EXISTS ended bigint;

CREATE OR REPLACE FUNCTION control.number_ended_lane()
RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.ended_at IS NULL THEN
		NEW.ended := NULL;
	ELSIF NEW.ended IS NULL THEN
		NEW.ended := nextval('control.epoch_seq');
	END IF;
	RETURN NEW;
END
$$;
DROP TRIGGER IF EXISTS lanes_ended ON control.lanes;
CREATE TRIGGER lanes_ended BEFORE INSERT OR UPDATE ON control.lanes
	FOR EACH ROW EXECUTE FUNCTION control.number_ended_lane();
UPDATE control.lanes SET ended_at = ended_at WHERE ended_at IS NOT NULL;
