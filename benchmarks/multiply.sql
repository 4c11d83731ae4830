-- All that a hub holds of its contacts, TIMES as often, under other ids and addresses: what the engine would have made of
-- so many contacts, in seconds instead of hours. Nothing may wait in the hub. What the copies' rows of contacts_master
-- were published as is not told here, since it depends on their ids.

CREATE TEMP TABLE copies AS SELECT k FROM range(1, TIMES) AS numbers(k);

CREATE TEMP MACRO id_of(contact_id, k) AS
  regexp_replace(md5(contact_id || '/' || k), '^(.{8})(.{4}).(.{3}).(.{3})(.{12})$', '\1-\2-5\3-8\4-\5');

-- The hub calls its own rows by the contact's id.
CREATE TEMP MACRO native_id_of(system, native_id, contact_id, k) AS
  CASE system WHEN 'bigquery' THEN id_of(contact_id, k) ELSE native_id || '-' || k END;

CREATE TEMP MACRO address_of(text, k) AS replace(text, '@example.com', '@' || k || '.example.com');

INSERT INTO identity.sync_links BY NAME
SELECT links.* REPLACE (
  id_of(contact_id, k) AS contact_id, native_id_of(system, native_id, contact_id, k) AS native_id
)
FROM identity.sync_links AS links, copies;

INSERT INTO identity.sync_bases BY NAME
SELECT bases.* REPLACE (
  id_of(contact_id, k) AS contact_id, native_id_of(system, native_id, contact_id, k) AS native_id,
  CASE WHEN own_contact_id IS NOT NULL THEN id_of(contact_id, k) END AS own_contact_id,
  list_transform(held, lambda one: {
    'path': address_of(one.path, k), 'value': address_of(one.value, k), 'sent': one.sent
  }) AS held
)
FROM identity.sync_bases AS bases, copies;

UPDATE identity.sync_bases SET held_digest = (hash(held) >> 1)::BIGINT;

INSERT INTO identity.sync_registers BY NAME
SELECT registers.* REPLACE (
  id_of(contact_id, k) AS contact_id,
  list_transform(registers, lambda one: {
    'path': address_of(one.path, k), 'value': address_of(one.value, k), 'changed_at': one.changed_at, 'system': one.system
  }) AS registers
)
FROM identity.sync_registers AS registers, copies;

INSERT INTO identity.contacts_master BY NAME
SELECT contacts.* REPLACE (
  id_of(contact_id, k) AS contact_id, address_of(primary_email, k) AS primary_email,
  list_transform(other_emails, lambda one: address_of(one, k)) AS other_emails
)
FROM identity.contacts_master AS contacts, copies;

INSERT INTO identity.contact_identifiers BY NAME
SELECT identifiers.* REPLACE (
  id_of(contact_id, k) AS contact_id, address_of(identifier_value, k) AS identifier_value,
  address_of(identifier_normalized, k) AS identifier_normalized, address_of(match_key, k) AS match_key
)
FROM identity.contact_identifiers AS identifiers, copies;

-- A million contacts do not arrive within the hour that is looked through for changes to and fro.
INSERT INTO identity.sync_change_log BY NAME
SELECT changes.* REPLACE (
  md5(event_id || '/' || k) AS event_id, id_of(contact_id, k) AS contact_id, address_of(path, k) AS path,
  address_of(new_value, k) AS new_value, recorded_at - INTERVAL 1 DAY AS recorded_at
)
FROM identity.sync_change_log AS changes, copies
