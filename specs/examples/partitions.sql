-- Splits `leaves` and `calls` on PostgreSQL by range. The existing rows become the first partition, without being
-- copied. A second and a last partition are added. Run it once; see specs/operations.md ("Partitions"):
--
--   psql "$VERIFIER_DATABASE" -v ON_ERROR_STOP=1 -f partitions.sql \
--     -v calls_from=$(printf 'call_%012x' $(date -u -d 2027-01-01 +%s000)) \
--     -v calls_to=$(printf 'call_%012x' $(date -u -d 2027-02-01 +%s000)) \
--     -v leaves_from=100000000 -v leaves_to=200000000 -v shards=4
--
-- Ids begin with their time, so calls are split by time: calls_1 has those before calls_from, calls_2 those before
-- calls_to, calls_rest all later ones. Leaves are numbered in each shard from 0, and stored at shard * 2^48 + index
-- (verifier/core/shards.py), so each shard has its own partitions. In shard 0, leaves_0_1 has those before leaves_from,
-- leaves_0_2 those before leaves_to, and leaves_0_rest all later ones. Shard 1 has leaves_1_1 and so on. leaves_rest is
-- for shards from `shards` on. Without this variable, it is the number of shards of the log.
--
-- Choose bounds in the future. Rows past the bounds, and the leaves of later shards, are moved, which takes as long as
-- copying them. So partition a log before you split it. Nodes answer `unavailable` while this runs. On a large
-- database, do the slow part first, while the nodes work. The constraints refuse rows past the bounds, so drop them if
-- you stop here. If the log is split already, leave out the constraint on leaves:
--
--   CREATE INDEX CONCURRENTLY leaves_statement ON leaves (statement_id);
--   ALTER TABLE leaves ADD CONSTRAINT leaves_bound CHECK (leaf_index < 100000000) NOT VALID;
--   ALTER TABLE leaves VALIDATE CONSTRAINT leaves_bound;
--   ALTER TABLE calls ADD CONSTRAINT calls_bound CHECK (call_id < 'call_019…') NOT VALID;
--   ALTER TABLE calls VALIDATE CONSTRAINT calls_bound;

\if :{?shards}
\else
SELECT coalesce(max(shards), 1) AS shards FROM log_head \gset
\endif

BEGIN;
-- Nodes wait behind this while it waits for its locks. So its timeout is shorter than theirs.
SET LOCAL lock_timeout = '3s';
SELECT format('SET LOCAL ROLE %I', tableowner) FROM pg_tables WHERE tablename = 'leaves' AND schemaname = current_schema \gexec
-- This order waits for running batches, and avoids deadlocks with readers.
LOCK TABLE log_head IN EXCLUSIVE MODE;
LOCK TABLE calls IN ACCESS EXCLUSIVE MODE;
LOCK TABLE leaves IN ACCESS EXCLUSIVE MODE;

ALTER TABLE calls RENAME TO calls_1;
ALTER TABLE leaves RENAME TO leaves_0_1;
-- In a partitioned table, a UNIQUE constraint must include the partition key.
CREATE INDEX IF NOT EXISTS leaves_statement ON leaves_0_1 (statement_id);
ALTER TABLE leaves_0_1 DROP CONSTRAINT leaves_statement_id_key;

CREATE TABLE calls (LIKE calls_1 INCLUDING ALL EXCLUDING CONSTRAINTS) PARTITION BY RANGE (call_id);
CREATE TABLE calls_2 PARTITION OF calls FOR VALUES FROM (:'calls_from') TO (:'calls_to');
CREATE TABLE calls_rest PARTITION OF calls FOR VALUES FROM (:'calls_to') TO (MAXVALUE);
WITH past AS (DELETE FROM calls_1 WHERE call_id >= :'calls_from' RETURNING *) INSERT INTO calls SELECT * FROM past;
ALTER TABLE calls ATTACH PARTITION calls_1 FOR VALUES FROM (MINVALUE) TO (:'calls_from');
ALTER TABLE calls_1 DROP CONSTRAINT IF EXISTS calls_bound;

CREATE TABLE leaves (LIKE leaves_0_1 INCLUDING ALL EXCLUDING CONSTRAINTS) PARTITION BY RANGE (leaf_index);
SELECT format('CREATE TABLE leaves_%s_%s PARTITION OF leaves FOR VALUES FROM (%s) TO (%s)', shard, name, first, past)
FROM generate_series(0, :shards - 1) AS shard,
    LATERAL (SELECT shard::bigint << 48) AS of_shard (start),
    LATERAL (
        VALUES ('1', start, start + :leaves_from),
            ('2', start + :leaves_from, start + :leaves_to),
            ('rest', start + :leaves_to, (shard + 1)::bigint << 48)
    ) AS part (name, first, past)
WHERE shard > 0 OR name <> '1' \gexec
SELECT format('CREATE TABLE leaves_rest PARTITION OF leaves FOR VALUES FROM (%s) TO (MAXVALUE)', :shards::bigint << 48) \gexec
WITH past AS (DELETE FROM leaves_0_1 WHERE leaf_index >= :leaves_from RETURNING *) INSERT INTO leaves SELECT * FROM past;
ALTER TABLE leaves ATTACH PARTITION leaves_0_1 FOR VALUES FROM (MINVALUE) TO (:leaves_from);
ALTER TABLE leaves_0_1 DROP CONSTRAINT IF EXISTS leaves_bound;

-- Migrations use these names for the indexes on the whole tables.
SELECT format('ALTER INDEX %I RENAME TO %I', name, name || '_1'), format('ALTER INDEX %I RENAME TO %I', whole, name)
FROM (
    SELECT old.relname AS name, new.relname AS whole
    FROM pg_index x
    JOIN pg_inherits i ON i.inhrelid = x.indexrelid
    JOIN pg_class old ON old.oid = i.inhrelid
    JOIN pg_class new ON new.oid = i.inhparent
    WHERE x.indrelid IN ('calls_1'::regclass, 'leaves_0_1'::regclass)
) AS pairs \gexec
COMMIT;

-- Autovacuum does not do this for partitioned tables. Repeat it now and then.
ANALYZE calls;
ANALYZE leaves;
