-- Receipts that callers want sent by the bank's own messaging, until they have been handed over.

CREATE TABLE messages (
    message_id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX messages_due ON messages (due_at);
CREATE INDEX messages_application ON messages (application_id);
