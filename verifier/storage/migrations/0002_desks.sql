-- What officers, supervisors and customers look at and ask for.

CREATE TABLE assignments (
    officer_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    PRIMARY KEY (officer_id, application_id)
);
CREATE INDEX assignments_application ON assignments (application_id);

CREATE TABLE exception_requests (
    request_id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    officer_id TEXT NOT NULL,
    sealed BYTEA,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    exception_id TEXT
);
CREATE INDEX exception_requests_application ON exception_requests (application_id);
CREATE INDEX exception_requests_officer ON exception_requests (officer_id, request_id);

ALTER TABLE applications ADD COLUMN opted_out BIGINT NOT NULL DEFAULT 0;

CREATE INDEX calls_officer ON calls (officer_id, call_id);
