-- Codes that were refused, or were those of a call that is over, by a keyed hash of their digits. `campaign` is null until
-- the row has been compared with those of other people. `request` names the request that was answered by an error.

CREATE TABLE signals (
    signal_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    code_hash BYTEA NOT NULL,
    person BYTEA NOT NULL,
    people BYTEA NOT NULL,
    entered_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    application_id TEXT,
    request BYTEA,
    sealed BYTEA,
    campaign BIGINT,
    mac BYTEA
);
CREATE INDEX signals_person ON signals (person, signal_id);
CREATE INDEX signals_code ON signals (code_hash, signal_id);
CREATE INDEX signals_expires ON signals (expires_at);
CREATE INDEX signals_application ON signals (application_id);
CREATE INDEX signals_unexamined ON signals (signal_id) WHERE campaign IS NULL;
CREATE INDEX signals_campaign ON signals (signal_id) WHERE campaign = 1;

CREATE INDEX calls_closed ON calls (application_id, call_id) WHERE due_at IS NULL;
