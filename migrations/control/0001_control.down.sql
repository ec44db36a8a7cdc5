DROP TABLE IF EXISTS control.audit;
DROP TABLE IF EXISTS control.lanes;
DROP SEQUENCE IF EXISTS control.epoch_seq;
-- The schema stays: the migrator's own table stands in it.
