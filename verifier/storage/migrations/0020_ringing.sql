-- When the leg of a call began to ring, and when each telephone exchange was last heard.

ALTER TABLE calls ADD COLUMN rang_at BIGINT;
ALTER TABLE legs ADD COLUMN rang_at BIGINT;
ALTER TABLE stray_legs ADD COLUMN rang_at BIGINT;
CREATE TABLE exchanges (
    system_id TEXT PRIMARY KEY,
    heard_at BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
