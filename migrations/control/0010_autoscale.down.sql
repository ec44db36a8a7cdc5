DROP TABLE IF EXISTS control.autoscale_verdicts;
DROP TABLE IF EXISTS control.autoscale;
