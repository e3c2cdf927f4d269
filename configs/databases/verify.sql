-- Checks the privileges of the exporter's role, logged in as that role. Prints one line per problem.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
\pset tuples_only on
\pset format unaligned
SELECT 'it may do too much: it ' || what
FROM pg_roles, LATERAL (VALUES
  (rolsuper, 'is a superuser'),
  (rolcreaterole, 'may create roles'),
  (rolcreatedb, 'may create databases'),
  (rolreplication, 'may replicate'),
  (rolbypassrls, 'may bypass row security'),
  (EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'pg_read_all_data' AND pg_has_role(r.oid, 'MEMBER')), 'may read all data'),
  (EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'pg_write_all_data' AND pg_has_role(r.oid, 'MEMBER')), 'may write all data')
) AS asked (yes, what)
-- A superuser fails every other check too.
WHERE rolname = current_user AND yes AND (what = 'is a superuser' OR NOT rolsuper);
-- Tables that PUBLIC may read are the database owner's choice; tables of an extension hold no user data.
SELECT 'it may do too much: it may read the table ' || format('%I.%I', nspname, relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE relkind IN ('r', 'p', 'm', 'v', 'f') AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
  AND has_table_privilege(c.oid, 'SELECT') AND current_setting('is_superuser') = 'off'
  AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1 LIMIT 3;
SELECT 'it may do too little: it is no member of pg_monitor' WHERE NOT pg_has_role('pg_monitor', 'MEMBER');
-- Each of these fails if a privilege is missing.
SELECT FROM pg_stat_activity LIMIT 0;
SELECT FROM pg_stat_database LIMIT 0;
SELECT FROM pg_ls_waldir() LIMIT 0;
