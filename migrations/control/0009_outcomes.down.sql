ALTER TABLE control.heartbeats DROP COLUMN IF EXISTS counters;
