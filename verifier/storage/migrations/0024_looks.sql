-- Who looked at whose data: one row for each application that a read has shown to staff or to a system. `reader` is
-- `staff:` or `system:` and their id. `bulk` is 1 for the look that made a bulk reading.

CREATE TABLE looks (
    look_id TEXT PRIMARY KEY,
    reader TEXT NOT NULL,
    roles TEXT NOT NULL,
    operation TEXT NOT NULL,
    application_id TEXT NOT NULL,
    looked_at BIGINT NOT NULL,
    sealed BYTEA,
    bulk BIGINT,
    mac BYTEA
);
CREATE INDEX looks_reader ON looks (reader, look_id);
CREATE INDEX looks_application ON looks (application_id, look_id);
CREATE INDEX looks_reason ON looks (application_id) WHERE sealed IS NOT NULL;
CREATE INDEX looks_bulk ON looks (look_id) WHERE bulk = 1;
