-- All that the hub knows of the contacts that somebody asks for, by the beginning of an id or by an e-mail or phone: one row
-- a contact, at most ten for each text, the exact id first.
WITH
chosen AS (
  SELECT asked, contact_id
  FROM (
    SELECT asked.asked, registers.contact_id
    FROM {{ dataset }}.sync_registers AS registers
    JOIN {{ dataset }}.sync_manifest_{{ asked }} AS asked ON STARTS_WITH(registers.contact_id, asked.asked)
    UNION DISTINCT
    SELECT asked.asked, identifiers.contact_id
    FROM {{ dataset }}.contact_identifiers AS identifiers
    JOIN {{ dataset }}.sync_manifest_{{ asked }} AS asked ON identifiers.identifier_normalized = LOWER(asked.asked)
  )
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY asked ORDER BY IF(contact_id = asked, 0, 1), contact_id) <= 10
),

-- Every accepted change, oldest first.
changes AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      path AS path, change_type AS change_type, system AS system, old_value AS old_value, new_value AS new_value,
      changed_at AS changed_at, recorded_at AS recorded_at, cycle_id AS cycle_id, origin AS origin
    ) ORDER BY recorded_at, event_id) AS changes
  FROM {{ dataset }}.sync_change_log
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
),

-- The rows that stand for the contact, and those that a merge retired.
native_rows AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      system AS system, native_id AS native_id, gone AS is_gone, COALESCE(retired, FALSE) AS is_retired,
      EXISTS (SELECT 1 FROM UNNEST(held) AS h WHERE h.path = '{{ deleted }}' AND h.value = 'true') AS is_deleted,
      changed_at AS changed_at, known_at AS known_at
    ) ORDER BY COALESCE(retired, FALSE), system, native_id) AS native_rows
  FROM {{ dataset }}.sync_bases
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
),

-- Writes that are not yet known to have happened.
intents AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      system AS system, native_id AS native_id, kind AS kind, status AS status, created_at AS created_at,
      ARRAY(SELECT c.path FROM UNNEST(changes) AS c ORDER BY c.path) AS paths
    ) ORDER BY system, native_id, created_at) AS intents
  FROM {{ dataset }}.sync_intents
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
),

errors AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      error_id AS error_id, system AS system, native_id AS native_id, field AS field, path AS path, kind AS kind,
      message AS message, attempts AS attempts, next_attempt_at AS next_attempt_at, status AS status
    ) ORDER BY system, native_id, field) AS errors
  FROM {{ dataset }}.sync_errors
  WHERE status <> 'resolved' AND contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
),

holds AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      system AS system, native_id AS native_id, path AS path, value AS value, reason AS reason, status AS status,
      held_at AS held_at, release_at AS release_at
    ) ORDER BY system, native_id, path) AS holds
  FROM {{ dataset }}.sync_holds
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
),

conflicts AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      conflict_id AS conflict_id, field AS field, reason AS reason, losing_system AS losing_system, losing_value AS losing_value,
      winning_system AS winning_system, winning_value AS winning_value, created_at AS created_at
    ) ORDER BY created_at, conflict_id) AS conflicts
  FROM {{ dataset }}.sync_conflicts
  WHERE status = 'open' AND contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
),

-- Edits by command that the next cycle takes.
edits AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(path AS path, value AS value, origin AS origin, created_at AS created_at) ORDER BY created_at, edit_id) AS edits
  FROM {{ dataset }}.sync_edits
  WHERE path IS NOT NULL AND contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
)

SELECT
  chosen.asked, chosen.contact_id, registers.created_at, registers.version, registers.registers,
  COALESCE(changes.changes, []) AS changes,
  COALESCE(native_rows.native_rows, []) AS native_rows,
  COALESCE(intents.intents, []) AS intents,
  COALESCE(errors.errors, []) AS errors,
  COALESCE(holds.holds, []) AS holds,
  COALESCE(conflicts.conflicts, []) AS conflicts,
  COALESCE(edits.edits, []) AS edits
FROM chosen
JOIN {{ dataset }}.sync_registers AS registers ON registers.contact_id = chosen.contact_id
LEFT JOIN changes ON changes.contact_id = chosen.contact_id
LEFT JOIN native_rows ON native_rows.contact_id = chosen.contact_id
LEFT JOIN intents ON intents.contact_id = chosen.contact_id
LEFT JOIN errors ON errors.contact_id = chosen.contact_id
LEFT JOIN holds ON holds.contact_id = chosen.contact_id
LEFT JOIN conflicts ON conflicts.contact_id = chosen.contact_id
LEFT JOIN edits ON edits.contact_id = chosen.contact_id
ORDER BY chosen.asked, IF(chosen.contact_id = chosen.asked, 0, 1), chosen.contact_id;
