-- How far the log's statements have been forgotten, being older than a deployment keeps them.

ALTER TABLE log_head ADD COLUMN forgotten BIGINT NOT NULL DEFAULT 0;
