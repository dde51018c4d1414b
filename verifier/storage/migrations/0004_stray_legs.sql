-- Legs under keyed ids, since an exchange's own may hold numbers, and the legs that no call was found for.
-- What was heard of legs before is let go: of a call that is live now, the next event says "not connected".

DROP TABLE legs;

CREATE TABLE legs (
    call_id TEXT NOT NULL,
    leg_index BYTEA NOT NULL,
    on_file BIGINT NOT NULL,
    connected_at BIGINT,
    ended_at BIGINT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (call_id, leg_index)
);
CREATE INDEX legs_leg ON legs (leg_index, call_id);
CREATE INDEX legs_expires ON legs (expires_at);

CREATE TABLE stray_legs (
    stray_id TEXT PRIMARY KEY,
    leg_index BYTEA NOT NULL,
    call_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    application_id TEXT,
    officer_id TEXT,
    heard_at BIGINT NOT NULL,
    connected_at BIGINT,
    ended_at BIGINT,
    expires_at BIGINT NOT NULL,
    sealed BYTEA,
    UNIQUE (leg_index, call_id)
);
CREATE INDEX stray_legs_kind ON stray_legs (kind, stray_id) WHERE connected_at IS NOT NULL;
CREATE INDEX stray_legs_application ON stray_legs (application_id);
CREATE INDEX stray_legs_expires ON stray_legs (expires_at);

CREATE INDEX calls_code_without_leg ON calls (call_id)
    WHERE due_at IS NULL AND connected_at IS NULL AND revealed_at IS NOT NULL AND leg_mode <> 'off';
CREATE INDEX calls_code_never_used ON calls (call_id)
    WHERE due_at IS NULL AND confirmed_at IS NULL
    AND (connected_at IS NOT NULL OR (revealed_at IS NOT NULL AND leg_mode = 'off'));
