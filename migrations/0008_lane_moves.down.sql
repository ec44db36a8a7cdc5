DROP FUNCTION IF EXISTS lane_merge(text, text);
DROP FUNCTION IF EXISTS lane_heir(text, text);
DROP FUNCTION IF EXISTS lane_move(text, text, text);
DROP FUNCTION IF EXISTS lane_split(text, text, text, text, int, int, text[], text);
DROP FUNCTION IF EXISTS lane_fence(text, text, text);
DROP FUNCTION IF EXISTS lane_living(text, text);
DROP FUNCTION IF EXISTS lanes_lock(text);
