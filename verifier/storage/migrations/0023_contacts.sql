-- Finds the applications on which a person is a contact, by the blind index of their login. A loan of one person has no
-- rows here: its only contact is its borrower, whose blind index is the `customer_index` of the application.
-- `called_today` counts the calls to each contact, and is null for a loan of one person.

CREATE TABLE contacts (
    contact_index BYTEA NOT NULL,
    application_id TEXT NOT NULL,
    PRIMARY KEY (contact_index, application_id)
);
CREATE INDEX contacts_application ON contacts (application_id);
ALTER TABLE applications ADD COLUMN called_today TEXT;

-- The receipts that the contacts of one application have got for the code of one call. They are kept as long as the call.

CREATE TABLE confirmations (
    call_id TEXT NOT NULL,
    contact TEXT NOT NULL,
    application_id TEXT NOT NULL,
    leaf_index BIGINT NOT NULL,
    mac BYTEA,
    PRIMARY KEY (call_id, contact)
);
CREATE INDEX confirmations_application ON confirmations (application_id);
