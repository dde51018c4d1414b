-- A refusal of marketing calls belongs to a person, with or without an application. `person` is the blind index of the
-- login. A refusal of an earlier release stays in `applications.opted_out` until the person says something new.

CREATE TABLE marketing_refusals (
    person BYTEA PRIMARY KEY,
    refused_at BIGINT NOT NULL,
    mac BYTEA
);
