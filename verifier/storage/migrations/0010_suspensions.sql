-- Members of staff who are cut off. At most one suspension of a person is in force.

CREATE TABLE suspensions (
    suspension_id TEXT PRIMARY KEY,
    officer_id TEXT NOT NULL,
    suspended_by TEXT NOT NULL,
    suspended_at BIGINT NOT NULL,
    lifted_by TEXT,
    lifted_at BIGINT,
    sealed BYTEA NOT NULL
);
CREATE INDEX suspensions_officer ON suspensions (officer_id, suspension_id);
CREATE UNIQUE INDEX suspensions_in_force ON suspensions (officer_id) WHERE lifted_at IS NULL;
