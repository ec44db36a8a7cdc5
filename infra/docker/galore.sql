-- SPDX-License-Identifier: MIT
-- Runs once, in an empty cluster: the role that the programs use, no superuser,
-- and its database.
CREATE ROLE galore LOGIN;
GRANT pg_monitor, pg_signal_backend TO galore;
CREATE DATABASE galore OWNER galore;
