-- What `overlord agent` keeps running: what is wanted, who keeps it, what is.

-- A colour of a service: its version is a folder, in which the program has the
-- service's name.
CREATE TABLE IF NOT EXISTS control.deployments (
	service text NOT NULL,
	colour text NOT NULL,
	dir text NOT NULL,
	digest text NOT NULL, -- SHA-256 of the program, in hexadecimal digits
	version text NOT NULL, -- what the program says of itself
	instances int NOT NULL CHECK (instances BETWEEN 0 AND 999),
	settings jsonb NOT NULL DEFAULT '{}', -- {"ADDR": "127.0.0.1:7000"}
	-- Raised by each restart: an instance of a lower one is replaced.
	generation bigint NOT NULL DEFAULT 0,
	-- Lag of the colour before that, which a restart has to come back to.
	lag_before bigint NOT NULL DEFAULT 0,
	retired boolean NOT NULL DEFAULT false, -- the row goes with its last instance
	changed_at timestamptz NOT NULL DEFAULT now(),
	who text NOT NULL,
	-- {"dir", "digest", "version", "settings"}: the last one that was
	-- steady
	good jsonb,
	trouble text, -- why the agent took a change back, or cannot make it
	PRIMARY KEY (service, colour),
	CHECK (NOT retired OR instances = 0)
);

-- An agent keeps the processes of one host; who has its epoch is the agent.
CREATE TABLE IF NOT EXISTS control.agents (
	agent text PRIMARY KEY,
	host text NOT NULL,
	-- one boot of one machine, as its process numbers count
	machine text NOT NULL,
	pid int NOT NULL,
	born bigint NOT NULL, -- with the pid it names one process
	epoch bigint NOT NULL,
	started_at timestamptz NOT NULL DEFAULT now(),
	at timestamptz NOT NULL DEFAULT now(),
	back_at timestamptz NOT NULL DEFAULT now() -- heard since then
);

-- A slot is one process of a deployment, kept by at most one agent.
CREATE TABLE IF NOT EXISTS control.instances (
	service text NOT NULL,
	colour text NOT NULL,
	slot int NOT NULL,
	agent text, -- NULL: nobody keeps it yet
	pid int,
	born bigint,
	digest text, -- what it runs
	generation bigint,
	state text NOT NULL DEFAULT 'stopped' CHECK (state IN ('stopped',
		'backoff', 'starting', 'ready', 'unready', 'draining')),
	restarts bigint NOT NULL DEFAULT 0,
	crashes int NOT NULL DEFAULT 0, -- since it was steady the last time
	since timestamptz NOT NULL DEFAULT now(),
	next_try_at timestamptz,
	detail text,
	PRIMARY KEY (service, colour, slot),
	FOREIGN KEY (service, colour)
		REFERENCES control.deployments (service, colour)
) WITH (fillfactor = 50);

-- A worker says which instance it is, and what it has.
ALTER TABLE control.heartbeats
	ADD COLUMN IF NOT EXISTS instance text,
	ADD COLUMN IF NOT EXISTS partitions int,
	ADD COLUMN IF NOT EXISTS lag bigint; -- records of them, NULL: not known

CREATE OR REPLACE FUNCTION control.instance_name(service text, colour text,
	slot int)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT service || '.' || colour || '-' || slot
$$;

-- What an agent reports of its slots is written. A slot whose state is `gone`
-- is given back.
CREATE OR REPLACE FUNCTION control.agent_report(me text, reports jsonb)
RETURNS void LANGUAGE sql AS $$
	UPDATE control.instances i
	SET pid = r.pid, born = r.born, digest = r.digest,
		generation = r.generation, restarts = r.restarts,
		crashes = r.crashes, detail = r.detail,
		state = CASE r.state WHEN 'gone' THEN 'stopped'
			ELSE r.state END,
		agent = CASE r.state WHEN 'gone' THEN NULL ELSE i.agent END,
		since = CASE WHEN r.state = i.state
			AND r.pid IS NOT DISTINCT FROM i.pid
			THEN i.since ELSE now() END,
		next_try_at = now() + r.next_try_ms * interval '1 ms'
	FROM jsonb_to_recordset(reports) AS r (service text, colour text,
		slot int, pid int, born bigint, digest text, generation bigint,
		state text, restarts bigint, crashes int, detail text,
		next_try_ms bigint)
	WHERE i.agent = me AND i.service = r.service
		AND i.colour = r.colour AND i.slot = r.slot
$$;

-- A slot of an agent that is silent is nobody's, unless the worker in it lives:
-- then it is left alone for whoever replaces that agent.
CREATE OR REPLACE FUNCTION control.agent_free_silent(me text, patience interval)
RETURNS void LANGUAGE sql AS $$
	UPDATE control.instances i SET agent = NULL
	WHERE (i.service, i.colour, i.slot) IN (
		SELECT s.service, s.colour, s.slot FROM control.instances s
		LEFT JOIN control.agents a USING (agent)
		WHERE s.agent <> me
			AND (a.at IS NULL OR a.at < now() - patience)
			AND NOT EXISTS (SELECT FROM control.heartbeats h
				WHERE h.instance = control.instance_name(
					s.service, s.colour, s.slot)
				AND h.at > now() - patience)
		FOR UPDATE OF s SKIP LOCKED)
$$;

-- Slots are made and claimed, up to an even share of all; what is not wanted
-- any more, and nobody's, is forgotten.
CREATE OR REPLACE FUNCTION control.agent_claim(me text, patience interval)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n_agents bigint := (SELECT count(*) FROM control.agents
		WHERE agent = me OR at > now() - patience);
	n_slots bigint := (SELECT sum(instances) FROM control.deployments);
	n_mine bigint := (SELECT count(*) FROM control.instances i
		JOIN control.deployments d USING (service, colour)
		WHERE i.agent = me AND i.slot <= d.instances);
BEGIN
	INSERT INTO control.instances (service, colour, slot)
	SELECT d.service, d.colour, s FROM control.deployments d,
		generate_series(1, d.instances) AS s
	WHERE NOT EXISTS (SELECT FROM control.instances i
		WHERE i.service = d.service AND i.colour = d.colour
			AND i.slot = s)
	ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;
	WITH free AS MATERIALIZED (
		SELECT s.service, s.colour, s.slot FROM control.instances s
		JOIN control.deployments d USING (service, colour)
		WHERE s.agent IS NULL AND s.slot <= d.instances
		ORDER BY s.slot, s.service, s.colour
		LIMIT greatest((n_slots + n_agents - 1) / n_agents - n_mine, 0)
		FOR UPDATE OF s SKIP LOCKED)
	UPDATE control.instances i
	SET agent = me, state = 'stopped', pid = NULL, born = NULL,
		crashes = 0, since = now(), next_try_at = NULL, detail = NULL
	FROM free f
	WHERE i.service = f.service AND i.colour = f.colour AND i.slot = f.slot;
	DELETE FROM control.instances i USING control.deployments d
	WHERE i.service = d.service AND i.colour = d.colour
		AND i.agent IS NULL AND i.slot > d.instances;
	DELETE FROM control.deployments d
	WHERE d.retired AND NOT EXISTS (SELECT FROM control.instances i
		WHERE i.service = d.service AND i.colour = d.colour);
END
$$;

-- A version whose instances have all been ready for some time is good: what
-- comes after it goes back to it when it fails.
CREATE OR REPLACE FUNCTION control.agent_note_good(steady interval)
RETURNS void LANGUAGE sql AS $$
	UPDATE control.deployments d
	SET good = jsonb_build_object('dir', d.dir, 'digest', d.digest,
		'version', d.version, 'settings', d.settings)
	WHERE (d.good->>'digest', d.good->'settings') IS DISTINCT FROM
		(d.digest, d.settings) AND d.instances > 0
		AND d.instances <= (SELECT count(*) FROM control.instances i
			WHERE i.service = d.service AND i.colour = d.colour
				AND i.slot <= d.instances AND i.state = 'ready'
				AND i.digest = d.digest
				AND i.since < now() - steady)
$$;

-- One look of an agent, each half second. False: another one has its name.
CREATE OR REPLACE FUNCTION control.agent_sync(me text, my_epoch bigint,
	reports jsonb, patience interval, steady interval)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM control.agents WHERE agent = me AND epoch = my_epoch
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- Who was not heard itself cannot know who else is silent: Postgres
	-- was away, say, and the others come back in a moment, too.
	UPDATE control.agents SET at = now(),
		back_at = CASE WHEN at < now() - interval '3 s' THEN now()
			ELSE back_at END
	WHERE agent = me AND at < now() - interval '900 ms';
	PERFORM control.agent_report(me, reports);
	IF EXISTS (SELECT FROM control.agents
		WHERE agent = me AND back_at < now() - patience) THEN
		PERFORM control.agent_free_silent(me, patience);
	END IF;
	PERFORM control.agent_claim(me, patience);
	PERFORM control.agent_note_good(steady);
	RETURN true;
END
$$;

-- A colour without any version that was ever good goes: its lanes go to the
-- other colour, if there is one that runs. Gives what was done, as the end of
-- a sentence; NULL: nothing can be done.
CREATE OR REPLACE FUNCTION control.deployment_give_up(
	bad control.deployments, audit_id bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	heir text := (SELECT colour FROM control.deployments
		WHERE service = bad.service AND colour <> bad.colour
			AND instances > 0
		ORDER BY good IS NULL, changed_at DESC LIMIT 1);
	moved jsonb;
	n_lanes bigint;
BEGIN
	-- What a person holds is that person's.
	IF NOT EXISTS (SELECT FROM control.lanes WHERE service = bad.service)
		OR EXISTS (SELECT FROM control.holds
			WHERE service = bad.service) THEN
		RETURN NULL;
	END IF;
	PERFORM lanes_lock(bad.service);
	n_lanes := (SELECT count(*) FROM control.lanes
		WHERE service = bad.service AND colour = bad.colour
			AND ended_at IS NULL);
	IF n_lanes > 0 AND heir IS NULL THEN
		RETURN NULL;
	END IF;
	IF n_lanes > 0 THEN
		-- `stable` always has its rows: history counts by them.
		SELECT jsonb_agg(jsonb_build_object('lane', p.lane, 'topic',
			p.topic, 'partition', p.partition, 'from', p.colour,
			'to', CASE p.colour WHEN bad.colour THEN heir
				ELSE p.colour END, 'next', p.next_offset)
			ORDER BY p.lane, p.topic, p.partition) INTO moved
		FROM positions p
		WHERE p.service = bad.service
			AND (p.colour = bad.colour OR p.lane = 'stable');
		PERFORM lane_move(bad.service, lane, heir) FROM control.lanes
		WHERE service = bad.service AND colour = bad.colour
			AND ended_at IS NULL
		ORDER BY made;
		INSERT INTO control.switches (id, service, moved)
		VALUES (audit_id, bad.service, coalesce(moved, '[]'));
	END IF;
	UPDATE control.deployments SET instances = 0
	WHERE service = bad.service AND colour = bad.colour;
	RETURN CASE WHEN n_lanes > 0 THEN format('its lanes are %s again', heir)
		ELSE 'it has no lanes' END || ' and it is stopped';
END
$$;

-- A change that did not work is taken back, in one transaction: the deployment
-- goes back to its last good version; a restart of a good one ends where it
-- is. Gives the sentence that `trouble` has from now on; NULL: the deployment
-- is another one by now.
CREATE OR REPLACE FUNCTION control.deployment_back(my_service text,
	my_colour text, my_digest text, my_generation bigint, why text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bad control.deployments;
	sentence text;
	audit_id bigint;
BEGIN
	SELECT * INTO bad FROM control.deployments
	WHERE service = my_service AND colour = my_colour
		AND digest = my_digest AND generation = my_generation
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO control.audit (who, verb, what, before)
	VALUES ('agent', 'agent', jsonb_build_object('service', my_service,
		'colour', my_colour), to_jsonb(bad))
	RETURNING id INTO audit_id;
	IF bad.good->>'digest' = bad.digest
		AND bad.good->'settings' = bad.settings THEN
		UPDATE control.deployments SET generation = generation - 1
		WHERE service = my_service AND colour = my_colour;
		sentence := 'the restart goes no further';
	ELSIF bad.good IS NOT NULL THEN
		UPDATE control.deployments SET dir = good->>'dir',
			digest = good->>'digest', version = good->>'version',
			settings = good->'settings', generation = generation
				+ (settings <> good->'settings')::int
		WHERE service = my_service AND colour = my_colour;
		sentence := 'it is back at version ' || (bad.good->>'version');
	ELSE
		sentence := coalesce(
			control.deployment_give_up(bad, audit_id),
			'there is nothing to go back to');
	END IF;
	sentence := format('version %s: %s; %s', bad.version, why, sentence);
	UPDATE control.deployments
	SET trouble = sentence, changed_at = now(), who = 'agent'
	WHERE service = my_service AND colour = my_colour;
	UPDATE control.audit SET after = (SELECT to_jsonb(d)
		FROM control.deployments d
		WHERE service = my_service AND colour = my_colour)
	WHERE id = audit_id;
	RETURN sentence;
END
$$;
