-- Rows that a person inserted without an id.
UPDATE {{ dataset }}.contacts_master SET contact_id = GENERATE_UUID() WHERE contact_id IS NULL;
