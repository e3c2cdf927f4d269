-- Creates the exporter's role, as an admin. Variables: role, database, owner (the stack), limit.
-- Its password follows in the same session, by \password.
\set ON_ERROR_STOP on
\set QUIET on
-- Any other output is an error.
SET client_min_messages = error;
SELECT count(*) = 0 AS missing FROM pg_roles WHERE rolname = :'role' \gset
SELECT coalesce((SELECT shobj_description(oid, 'pg_authid') = :'owner' FROM pg_roles WHERE rolname = :'role'), false) AS ours \gset
\if :missing
  -- NOSUPERUSER and the like are the default, and only a superuser may write them out.
  CREATE ROLE :"role" LOGIN CONNECTION LIMIT :limit;
  COMMENT ON ROLE :"role" IS :'owner';
\elif :ours
  ALTER ROLE :"role" LOGIN CONNECTION LIMIT :limit;
\else
  \warn 'The role' :role 'already exists and this stack did not make it, so nothing was changed.'
  \warn 'Either set `user` to another name, or keep this role: set `password` to its password and remove `adminPassword`.'
  \q
\endif
GRANT pg_monitor TO :"role";
GRANT CONNECT ON DATABASE :"database" TO :"role";
