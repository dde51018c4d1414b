-- The helpers whom customers have invited, and each of their looks. `customer_index` and `helper_index` are the blind
-- indexes of the logins. `invitation` is the blind index of an invitation that nobody has entered yet.

CREATE TABLE helpers (
    helper_id TEXT PRIMARY KEY,
    customer_index BYTEA NOT NULL,
    helper_index BYTEA,
    invitation BYTEA,
    invited_at BIGINT NOT NULL,
    entered_at BIGINT,
    confirmed_at BIGINT,
    valid_until BIGINT NOT NULL,
    ended_at BIGINT,
    status_at BIGINT,
    expires_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    mac BYTEA
);
CREATE INDEX helpers_customer ON helpers (customer_index);
CREATE INDEX helpers_helper ON helpers (helper_index);
CREATE INDEX helpers_invitation ON helpers (invitation);
CREATE INDEX helpers_expires ON helpers (expires_at);

CREATE TABLE helper_looks (
    look_id TEXT PRIMARY KEY,
    helper_id TEXT NOT NULL,
    seen TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    mac BYTEA
);
CREATE INDEX helper_looks_helper ON helper_looks (helper_id, look_id);
CREATE INDEX helper_looks_expires ON helper_looks (expires_at);
