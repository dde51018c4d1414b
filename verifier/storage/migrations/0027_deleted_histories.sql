-- The call histories that were deleted with a loan that they name, or when their person was a contact of it no more. The
-- log keeps only the hash of such a history, and by these rows the audit knows that the service has deleted it.

CREATE TABLE deleted_histories (
    statement_id TEXT PRIMARY KEY,
    leaf_index BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    mac BYTEA
);
CREATE INDEX deleted_histories_leaf ON deleted_histories (leaf_index);
