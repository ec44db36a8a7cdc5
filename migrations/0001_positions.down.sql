DROP FUNCTION IF EXISTS add_positions(text, text, int);
DROP FUNCTION IF EXISTS hold_positions(text, text[], text[], int[], bigint[]);
DROP FUNCTION IF EXISTS move_positions(text, text[], text[], int[], bigint[],
	bigint[], bigint[], bigint[]);
DROP FUNCTION IF EXISTS take_over(text, text, text, text[], int[]);
DROP TABLE IF EXISTS dead_letters;
DROP TABLE IF EXISTS positions;
