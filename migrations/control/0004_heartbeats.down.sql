DROP TABLE IF EXISTS control.heartbeats;
