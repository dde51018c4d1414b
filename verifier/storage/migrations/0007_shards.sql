-- How many logs there are, the same in the head of each.

ALTER TABLE log_head ADD COLUMN shards BIGINT NOT NULL DEFAULT 1;
