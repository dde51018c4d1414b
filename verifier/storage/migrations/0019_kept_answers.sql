-- A kept answer does not repeat the statement and the proof that the leaf holds already.

ALTER TABLE idempotency ADD COLUMN leaf_index BIGINT;
