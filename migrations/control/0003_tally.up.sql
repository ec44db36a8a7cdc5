-- tally, the worked example of a third worker, is a service with one lane.
INSERT INTO control.lanes (service, lane, kind, colour)
VALUES ('tally', 'stable', 'rest', 'blue')
ON CONFLICT DO NOTHING;
