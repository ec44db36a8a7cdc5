DELETE FROM positions WHERE service = 'tally';
DROP TABLE IF EXISTS tallied;
DROP TABLE IF EXISTS tally;
