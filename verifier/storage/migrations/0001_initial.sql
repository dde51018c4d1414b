-- One text for SQLite and PostgreSQL. Instants are epoch milliseconds; sealed columns are AES-256-GCM.

CREATE TABLE log_head (
    origin TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    batches BIGINT NOT NULL
);

CREATE TABLE checkpoints (
    size BIGINT PRIMARY KEY,
    note TEXT NOT NULL
);

CREATE TABLE leaves (
    leaf_index BIGINT PRIMARY KEY,
    entry BYTEA NOT NULL,
    typ TEXT NOT NULL,
    statement_id TEXT NOT NULL UNIQUE,
    application_id TEXT,
    customer_index BYTEA,
    sealed BYTEA
);
CREATE INDEX leaves_application ON leaves (application_id);

CREATE TABLE nodes (
    level BIGINT NOT NULL,
    node_index BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (level, node_index)
);

CREATE TABLE applications (
    application_id TEXT PRIMARY KEY,
    customer_index BYTEA,
    kek_id TEXT,
    wrapped_key BYTEA,
    sealed BYTEA,
    call_counter BIGINT NOT NULL,
    local_day BIGINT NOT NULL,
    calls_today BIGINT NOT NULL,
    open_call_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    erased_at BIGINT
);
CREATE INDEX applications_customer ON applications (customer_index);

CREATE TABLE numbers (
    number_index BYTEA NOT NULL,
    application_id TEXT NOT NULL,
    PRIMARY KEY (number_index, application_id)
);
CREATE INDEX numbers_application ON numbers (application_id);

CREATE TABLE calls (
    call_id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    officer_id TEXT NOT NULL,
    leaf_index BIGINT NOT NULL,
    call_counter BIGINT NOT NULL,
    leg_mode TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    connected_at BIGINT,
    leg_ended_at BIGINT,
    revealed_at BIGINT,
    confirmed_at BIGINT,
    ended_at BIGINT,
    app_wrong BIGINT NOT NULL,
    ivr_wrong BIGINT NOT NULL,
    receipt_leaf BIGINT,
    due_at BIGINT
);
CREATE INDEX calls_application ON calls (application_id, call_id);
CREATE INDEX calls_due ON calls (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE legs (
    call_id TEXT NOT NULL,
    leg_id TEXT NOT NULL,
    on_file BIGINT NOT NULL,
    connected_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (call_id, leg_id)
);

CREATE TABLE exceptions (
    exception_id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    officer_id TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    rules TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    call_id TEXT
);

CREATE TABLE reports (
    report_id TEXT PRIMARY KEY,
    application_id TEXT,
    leaf_index BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    sealed BYTEA
);

CREATE TABLE limits (
    limit_key TEXT PRIMARY KEY,
    tat BIGINT NOT NULL
);
CREATE INDEX limits_tat ON limits (tat);

CREATE TABLE idempotency (
    idempotency_id BYTEA PRIMARY KEY,
    fingerprint BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    application_id TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);
CREATE INDEX idempotency_application ON idempotency (application_id);
