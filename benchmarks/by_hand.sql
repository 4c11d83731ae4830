-- What somebody writes who knows that all staged rows are linked, living and later than what is accepted, and that only
-- texts changed: the same rows of the same tables in the same end state, in DuckDB's own words. No identity, no brake, no
-- echoes, no ties, no plan to carry out again after a crash. STAGED and BATCH are filled in.

CREATE TEMP TABLE looked AS
SELECT links.contact_id, staged.*
FROM identity.STAGED AS staged
JOIN identity.sync_links AS links ON links.native_id = staged.native_id AND links.system = staged.system;

-- Path by path, what differs from what we knew the row to hold.
CREATE TEMP TABLE changed AS
SELECT seen.contact_id, seen.system, seen.changed_at, seen.path, seen.value, held.value AS was
FROM (SELECT contact_id, system, changed_at, unnest(fields, recursive := true) FROM looked) AS seen
LEFT JOIN (
  SELECT bases.contact_id, unnest(bases.held, recursive := true)
  FROM identity.sync_bases AS bases
  JOIN looked ON looked.contact_id = bases.contact_id AND looked.system = bases.system
) AS held ON held.contact_id = seen.contact_id AND held.path = seen.path
WHERE seen.value IS DISTINCT FROM held.value;

-- Path by path, what is accepted: the later value.
CREATE TEMP TABLE registers AS
SELECT
  known.contact_id,
  list({
    'path': known.path,
    'value': CASE WHEN changed.changed_at >= known.changed_at THEN changed.value ELSE known.value END,
    'changed_at': greatest(changed.changed_at, known.changed_at),
    'system': CASE WHEN changed.changed_at >= known.changed_at THEN changed.system ELSE known.system END
  } ORDER BY known.path) AS registers
FROM (
  SELECT contact_id, unnest(registers, recursive := true)
  FROM identity.sync_registers
  WHERE contact_id IN (SELECT contact_id FROM changed)
) AS known
LEFT JOIN changed ON changed.contact_id = known.contact_id AND changed.path = known.path
GROUP BY known.contact_id;

CREATE TEMP TABLE wide AS
SELECT
  contact_id,
  max(value) FILTER (path = 'first_name') AS first_name,
  max(value) FILTER (path = 'last_name') AS last_name,
  max(value) FILTER (path = 'organization') AS organization,
  max(value) FILTER (path = 'job_title') AS job_title,
  max(value) FILTER (path = 'city') AS city,
  max(value) FILTER (path = 'linkedin_url') AS linkedin_url,
  max(value) FILTER (path = 'notes') AS notes,
  max(value) FILTER (path = 'category_code') AS category_code
FROM (SELECT contact_id, unnest(registers, recursive := true) FROM registers)
GROUP BY contact_id;

UPDATE identity.sync_registers AS stored
SET version = stored.version + 1, registers = decided.registers
FROM registers AS decided
WHERE decided.contact_id = stored.contact_id;

UPDATE identity.sync_bases AS stored
SET
  version = looked.version, changed_at = looked.changed_at, known_at = looked.read_at, held = looked.fields,
  held_digest = (hash(looked.fields) >> 1)::BIGINT
FROM looked
WHERE looked.contact_id = stored.contact_id AND looked.system = stored.system AND looked.native_id = stored.native_id;

UPDATE identity.contacts_master AS stored
SET
  first_name = wide.first_name, last_name = wide.last_name, organization = wide.organization, job_title = wide.job_title,
  city = wide.city, linkedin_url = wide.linkedin_url, notes = wide.notes, category_code = wide.category_code,
  updated_at = now(), updated_by = 'twenty', version = stored.version + 1
FROM wide
WHERE wide.contact_id = stored.contact_id;

-- The hub is a system, too: what it holds now.
UPDATE identity.sync_bases AS stored
SET
  known_at = now(), changed_at = now(), version = md5(decided.registers::VARCHAR), held = decided.held,
  held_digest = (hash(decided.held) >> 1)::BIGINT
FROM (
  SELECT
    contact_id, registers,
    list_transform(registers, lambda one: {'path': one.path, 'value': one.value, 'sent': NULL::VARCHAR}) AS held
  FROM registers
) AS decided
WHERE decided.contact_id = stored.contact_id AND stored.system = 'bigquery';

INSERT INTO identity.sync_intents (intent_id, cycle_id, system, contact_id, native_id, kind, changes, status, created_at)
SELECT
  md5(bases.system || changed.contact_id || 'BATCH'), 'BATCH', bases.system, changed.contact_id, any_value(bases.native_id),
  'patch', list({'path': changed.path, 'value': changed.value}), 'open', now()
FROM changed
JOIN identity.sync_bases AS bases ON bases.contact_id = changed.contact_id
WHERE bases.system NOT IN (changed.system, 'bigquery')
GROUP BY bases.system, changed.contact_id;

INSERT INTO identity.sync_change_log (
  event_id, cycle_id, contact_id, system, change_type, field, path, old_value, new_value, changed_at, recorded_at
)
SELECT
  md5(contact_id || path || 'BATCH'), 'BATCH', contact_id, system, 'UPDATE', path, path, was, value, changed_at, now()
FROM changed;

UPDATE identity.sync_batches SET cycle_id = 'BATCH' WHERE batch_id = 'BATCH';

DROP TABLE identity.STAGED;
