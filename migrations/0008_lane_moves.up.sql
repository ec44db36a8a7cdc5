-- Changes of lanes. A change locks the service's lanes, then positions, and
-- gives each position that it touches a new epoch: whoever worked it commits
-- nothing more and takes over anew. Several calls may be one transaction.
-- What cannot be done is refused with SQLSTATE TG004.

-- Who changes lanes calls this first: what it reads then is true until it
-- commits. All positions of the service are locked at once, in the order of
-- everybody else, so that nobody waits in a circle. Workers hear of the commit.
-- The setting lasts as long as the locks do: a second call locks nothing again.
CREATE OR REPLACE FUNCTION lanes_lock(my_service text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('galore.lanes_locked', true) = my_service THEN
		RETURN;
	END IF;
	PERFORM 1 FROM control.lanes WHERE service = my_service
	ORDER BY made FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no service ''%''', my_service
			USING ERRCODE = 'TG004';
	END IF;
	PERFORM 1 FROM positions WHERE service = my_service AND colour <> ''
	ORDER BY lane, topic, partition FOR UPDATE;
	PERFORM pg_notify('lanes', my_service);
	PERFORM set_config('galore.lanes_locked', my_service, true);
END
$$;

-- The lane, with everything locked, if it lives.
CREATE OR REPLACE FUNCTION lane_living(my_service text, my_lane text)
RETURNS control.lanes LANGUAGE plpgsql AS $$
DECLARE
	found_lane control.lanes;
BEGIN
	PERFORM lanes_lock(my_service);
	SELECT * INTO found_lane FROM control.lanes
	WHERE service = my_service AND lane = my_lane AND ended_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION '% has no living lane ''%''', my_service,
			my_lane USING ERRCODE = 'TG004';
	END IF;
	RETURN found_lane;
END
$$;

-- A lane's positions get that colour and new epochs, and nobody holds them
-- until they are taken over. Gives the rows as this UPDATE found them, never as
-- they were read before.
CREATE OR REPLACE FUNCTION lane_fence(my_service text, my_lane text,
	my_colour text)
RETURNS SETOF positions LANGUAGE sql AS $$
	UPDATE positions
	SET colour = my_colour, epoch = nextval('control.epoch_seq'),
		holder = NULL
	WHERE service = my_service AND lane = my_lane
	RETURNING *
$$;

-- Splits a lane off its parent, with the parent's positions: from now on it
-- has those of the parent's records that meet its rule. Gives its name, which
-- is its kind with a number when none is given.
CREATE OR REPLACE FUNCTION lane_split(my_service text, my_lane text,
	my_parent text, my_kind text, my_from int, my_to int, my_names text[], my_colour text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parent control.lanes := lane_living(my_service, my_parent);
	new_lane text := coalesce(my_lane,
		my_kind || '-' || nextval('control.epoch_seq'));
BEGIN
	INSERT INTO control.lanes (service, lane, parent, kind, bucket_from,
		bucket_to, names, colour)
	VALUES (my_service, new_lane, my_parent, my_kind, my_from, my_to,
		my_names, my_colour);
	INSERT INTO positions (service, lane, topic, partition, colour,
		next_offset, emitted_offset, epoch)
	SELECT service, new_lane, topic, partition, my_colour, next_offset,
		emitted_offset, nextval('control.epoch_seq')
	FROM lane_fence(my_service, my_parent, parent.colour);
	RETURN new_lane;
END
$$;

-- Gives a lane to another colour.
CREATE OR REPLACE FUNCTION lane_move(my_service text, my_lane text,
	my_colour text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM lane_living(my_service, my_lane);
	UPDATE control.lanes SET colour = my_colour
	WHERE service = my_service AND lane = my_lane;
	PERFORM 1 FROM lane_fence(my_service, my_lane, my_colour);
END
$$;

-- The living lane that a lane's records fall to when it ends.
CREATE OR REPLACE FUNCTION lane_heir(my_service text, my_lane text)
RETURNS text LANGUAGE sql STABLE AS $$
	WITH RECURSIVE above AS (
		SELECT l.parent FROM control.lanes l
		WHERE l.service = my_service AND l.lane = my_lane
		UNION ALL
		SELECT l.parent FROM above a JOIN control.lanes l
			ON l.service = my_service AND l.lane = a.parent
		WHERE l.ended_at IS NOT NULL)
	SELECT a.parent FROM above a JOIN control.lanes l
		ON l.service = my_service AND l.lane = a.parent
	WHERE l.ended_at IS NULL
$$;

-- Ends a lane, so that its records fall to its heir: only when both are of one
-- colour and decided up to the same offset in every partition. What either
-- has not published yet, the heir publishes.
CREATE OR REPLACE FUNCTION lane_merge(my_service text, my_lane text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	ending control.lanes := lane_living(my_service, my_lane);
	heir control.lanes;
	unlike text;
BEGIN
	SELECT * INTO heir FROM control.lanes
	WHERE service = my_service AND lane = lane_heir(my_service, my_lane);
	IF heir.colour IS DISTINCT FROM ending.colour THEN
		RAISE EXCEPTION 'lane ''%'' is %, and % is %', my_lane,
			ending.colour,
			coalesce('''' || heir.lane || '''', 'its parent'),
			coalesce(heir.colour, 'none')
			USING ERRCODE = 'TG004';
	END IF;
	SELECT format('at %s/%s it is at %s and ''%s'' at %s', topic, partition,
		e.next_offset, heir.lane, h.next_offset) INTO unlike
	FROM positions e JOIN positions h USING (service, topic, partition)
	WHERE service = my_service AND e.lane = my_lane AND h.lane = heir.lane
		AND e.next_offset <> h.next_offset
	ORDER BY topic, partition LIMIT 1;
	IF unlike IS NOT NULL THEN
		RAISE EXCEPTION 'lane ''%'' is not level: %', my_lane, unlike
			USING ERRCODE = 'TG004';
	END IF;
	UPDATE positions h
	SET emitted_offset = least(h.emitted_offset, e.emitted_offset),
		epoch = nextval('control.epoch_seq'), holder = NULL
	FROM positions e
	WHERE h.service = my_service AND h.lane = heir.lane
		AND e.service = my_service AND e.lane = my_lane
		AND e.topic = h.topic AND e.partition = h.partition;
	UPDATE control.lanes SET ended_at = now()
	WHERE service = my_service AND lane = my_lane;
	PERFORM 1 FROM lane_fence(my_service, my_lane, '');
END
$$;
