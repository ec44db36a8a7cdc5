DROP TABLE IF EXISTS control.plates;
DROP TABLE IF EXISTS control.grills;
