{% import '_macros.sql' as m with context %}
-- What each system lacks then, and the writes that give it to it (laws 8-10).

-- What each native row lacks, path by path. is_parked: its system refused that value, and it is not yet time to ask again.
CREATE OR REPLACE TABLE {{ dataset }}.sync_lacking_{{ cycle }} {{ m.temporary() }} AS
WITH
contacts AS (
  SELECT contact_id, LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') AS is_deleted
  FROM {{ dataset }}.sync_settled_{{ cycle }}
  GROUP BY contact_id
),

-- Rows that wait for a person's word: nothing is created in their system for the contacts they might be.
awaited AS (
  SELECT system, candidate AS contact_id
  FROM {{ dataset }}.sync_match_{{ cycle }} AS unmatched CROSS JOIN UNNEST(unmatched.candidates) AS candidate
  WHERE unmatched.contact_id IS NULL
  UNION DISTINCT
  SELECT review.system, candidate
  FROM {{ dataset }}.sync_match_review AS review CROSS JOIN UNNEST(review.candidate_contact_ids) AS candidate
  WHERE review.status = 'open'
),

-- The native rows with whether they are deleted, or gone.
native_rows AS (
  SELECT
    native_rows.contact_id, native_rows.system, native_rows.native_id, native_rows.retired, native_rows.unread_fields,
    deletion.value = 'true' AND (native_rows.gone OR deletion.gone) AS gone,
    COALESCE(deletion.value = 'true', FALSE) AS is_deleted,
    deletion.hold_reason IS NOT NULL AS is_held
  FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
  LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS deletion
    ON deletion.system = native_rows.system AND deletion.native_id = native_rows.native_id AND deletion.path = '{{ deleted }}'
),

-- Where each contact is to be held: its native rows, and the rows it still needs. A row that is gone is made anew under its
-- old id; one whose delete is held back is left alone.
targets AS (
  SELECT
    contacts.contact_id, contacts.is_deleted, systems.system, systems.fields, native_rows.native_id,
    native_rows.native_id IS NULL OR COALESCE(native_rows.gone, FALSE) AS is_missing,
    COALESCE(native_rows.unread_fields, ARRAY<STRING>[]) AS unread_fields,
    COALESCE(
      native_rows.native_id,
      IF(REGEXP_CONTAINS(contacts.contact_id, r'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
          OR systems.system = 'bigquery',
        contacts.contact_id,
        {{ m.uuid('contacts.contact_id') }})
    ) AS chosen_id
  FROM contacts
  CROSS JOIN {{ dataset }}.sync_systems AS systems
  LEFT JOIN native_rows
    ON native_rows.contact_id = contacts.contact_id AND native_rows.system = systems.system AND NOT native_rows.retired
  LEFT JOIN awaited ON awaited.contact_id = contacts.contact_id AND awaited.system = systems.system
  WHERE systems.active
    AND NOT COALESCE(native_rows.is_held, FALSE)
    AND NOT (native_rows.native_id IS NULL AND awaited.contact_id IS NOT NULL)
    AND NOT (contacts.is_deleted AND (native_rows.native_id IS NULL OR COALESCE(native_rows.gone, FALSE)))
),

-- What it was sent before and stored as something else is not lacking (law 9), and what it holds and we could not read is
-- not overwritten. A row that a merge retired is only deleted, and gives up its e-mail, which may have to be unique.
lacking AS (
  SELECT targets.contact_id, targets.system, targets.chosen_id AS native_id, targets.is_missing, settled.path, settled.value
  FROM targets
  JOIN {{ dataset }}.sync_settled_{{ cycle }} AS settled ON settled.contact_id = targets.contact_id
  LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS cells
    ON cells.system = targets.system AND cells.native_id = targets.native_id AND cells.path = settled.path
    AND NOT targets.is_missing
  WHERE COALESCE(settled.value, '') <> COALESCE(cells.value, '')
    AND COALESCE(cells.sent <> COALESCE(settled.value, ''), TRUE)
    AND IF(targets.is_deleted OR settled.path = '{{ deleted }}',
      settled.path = '{{ deleted }}',
      {{ m.field('settled.path') }} IN UNNEST(targets.fields)
        AND {{ m.field('settled.path') }} NOT IN UNNEST(targets.unread_fields))
  UNION ALL
  SELECT native_rows.contact_id, native_rows.system, native_rows.native_id, FALSE, '{{ deleted }}', 'true'
  FROM native_rows
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = native_rows.system
  WHERE native_rows.retired AND NOT native_rows.is_deleted AND systems.active
  UNION ALL
  SELECT native_rows.contact_id, native_rows.system, native_rows.native_id, FALSE, cells.path, CAST(NULL AS STRING)
  FROM native_rows
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = native_rows.system
  JOIN {{ dataset }}.sync_cells_{{ cycle }} AS cells ON cells.system = native_rows.system AND cells.native_id = native_rows.native_id
  WHERE native_rows.retired AND NOT native_rows.is_deleted AND systems.active AND systems.system <> 'bigquery'
    AND cells.value IS NOT NULL AND STRPOS(cells.path, '/') = 0 AND {{ m.is_field('cells.path', email_fields) }}
)

SELECT
  lacking.contact_id, lacking.system, lacking.native_id, lacking.is_missing, lacking.path, lacking.value, errors.error_id,
  COALESCE(errors.next_attempt_at > CURRENT_TIMESTAMP(), FALSE) AS is_parked
FROM lacking
LEFT JOIN {{ dataset }}.sync_errors AS errors
  ON errors.contact_id = lacking.contact_id AND errors.system = lacking.system AND errors.native_id = lacking.native_id
  AND errors.path = lacking.path AND COALESCE(errors.value, '') = COALESCE(lacking.value, '')
  AND errors.kind = 'refused' AND errors.status <> 'resolved';

-- One write a native row. The same write has the same id, so that deciding it again is no news.
CREATE OR REPLACE TABLE {{ dataset }}.sync_writes_{{ cycle }} {{ m.temporary() }} AS
SELECT
  contact_id, system, native_id, kind, changes,
  TO_HEX(MD5(CONCAT(system, '/', native_id, '/', kind, '/', TO_JSON_STRING(changes)))) AS intent_id
FROM (
  SELECT
    contact_id, system, native_id,
    CASE
      WHEN LOGICAL_OR(is_missing) THEN 'create'
      WHEN LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') THEN 'delete'
      WHEN LOGICAL_OR(path = '{{ deleted }}') THEN 'restore'
      ELSE 'patch'
    END AS kind,
    ARRAY_AGG(STRUCT(path AS path, value AS value) ORDER BY path) AS changes
  FROM {{ dataset }}.sync_lacking_{{ cycle }}
  WHERE NOT is_parked
  GROUP BY contact_id, system, native_id
);
