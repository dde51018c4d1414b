-- Telephone dialogues under way; what is sealed is the whole state.

CREATE TABLE ivr_sessions (
    session_id TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX ivr_sessions_expires ON ivr_sessions (expires_at);
