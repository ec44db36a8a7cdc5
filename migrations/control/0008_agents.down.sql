DROP FUNCTION IF EXISTS control.deployment_back(text, text, text, bigint, text);
DROP FUNCTION IF EXISTS control.deployment_give_up(control.deployments, bigint);
DROP FUNCTION IF EXISTS control.agent_sync(text, bigint, jsonb, interval, interval);
DROP FUNCTION IF EXISTS control.agent_note_good(interval);
DROP FUNCTION IF EXISTS control.agent_claim(text, interval);
DROP FUNCTION IF EXISTS control.agent_free_silent(text, interval);
DROP FUNCTION IF EXISTS control.agent_report(text, jsonb);
DROP FUNCTION IF EXISTS control.instance_name(text, text, int);
ALTER TABLE control.heartbeats
	DROP COLUMN IF EXISTS instance,
	DROP COLUMN IF EXISTS partitions,
	DROP COLUMN IF EXISTS lag;
DROP TABLE IF EXISTS control.instances;
DROP TABLE IF EXISTS control.agents;
DROP TABLE IF EXISTS control.deployments;
