CREATE ROLE "metrics" LOGIN CONNECTION LIMIT 5;
\password "metrics"
GRANT pg_monitor TO "metrics";
GRANT CONNECT ON DATABASE "my ""shop""" TO "metrics";