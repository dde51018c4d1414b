-- Rows that decide carry an authenticator; each head the sum of the rows' shares, and an authenticator of its own.
-- `verifier authenticate` gives the rows that are there theirs.

ALTER TABLE log_head ADD COLUMN shares BYTEA;
ALTER TABLE log_head ADD COLUMN mac BYTEA;
ALTER TABLE applications ADD COLUMN mac BYTEA;
ALTER TABLE calls ADD COLUMN mac BYTEA;
ALTER TABLE legs ADD COLUMN mac BYTEA;
ALTER TABLE stray_legs ADD COLUMN mac BYTEA;
ALTER TABLE exceptions ADD COLUMN mac BYTEA;
ALTER TABLE exception_requests ADD COLUMN mac BYTEA;
ALTER TABLE limits ADD COLUMN mac BYTEA;
ALTER TABLE reports ADD COLUMN mac BYTEA;
ALTER TABLE suspensions ADD COLUMN mac BYTEA;
CREATE INDEX reports_application ON reports (application_id);
