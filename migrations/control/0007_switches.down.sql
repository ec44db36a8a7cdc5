DROP TABLE IF EXISTS control.holds;
DROP TABLE IF EXISTS control.switches;
DROP INDEX IF EXISTS control.audit_token;
ALTER TABLE control.audit DROP COLUMN IF EXISTS token;
