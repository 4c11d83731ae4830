{% import '_macros.sql' as m with context %}
-- The decision. When the last of these tables exists, the cycle is decided: whatever happens then, it is carried out.

-- What we know each native row to hold from now on, for the rows that brought news.
CREATE OR REPLACE TABLE {{ dataset }}.sync_learnt_{{ cycle }} {{ m.temporary() }} AS
SELECT
  native_rows.contact_id, native_rows.system, native_rows.native_id, ANY_VALUE(native_rows.version) AS version,
  ANY_VALUE(native_rows.changed_at) AS changed_at, ANY_VALUE(native_rows.known_at) AS known_at,
  COALESCE(LOGICAL_OR(cells.path = '{{ deleted }}' AND cells.value = 'true' AND (native_rows.gone OR cells.gone)), FALSE) AS gone,
  ANY_VALUE(native_rows.retired) AS retired,
  ANY_VALUE(native_rows.is_new) AS is_new,
  ANY_VALUE(native_rows.own_contact_id) AS own_contact_id, ANY_VALUE(native_rows.unread_fields) AS unread,
  COALESCE(ARRAY_AGG(
    IF(cells.value IS NULL AND cells.sent IS NULL, NULL, STRUCT(cells.path AS path, cells.value AS value, cells.sent AS sent))
    IGNORE NULLS ORDER BY cells.path
  ), ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[]) AS held
FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
LEFT JOIN (
  SELECT system, native_id, path, value, sent, gone, is_news FROM {{ dataset }}.sync_cells_{{ cycle }}
  UNION ALL
  -- What is not decided about stays as it is known.
  SELECT native_rows.system, native_rows.native_id, h.path, h.value, h.sent, FALSE, FALSE
  FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.held) AS h
  LEFT JOIN {{ dataset }}.sync_scope_{{ cycle }} AS scope
    ON {{ m.in_scope('native_rows.contact_id', 'h.path') }}
  WHERE native_rows.seen_now AND scope.contact_id IS NULL
) AS cells ON cells.system = native_rows.system AND cells.native_id = native_rows.native_id
GROUP BY native_rows.contact_id, native_rows.system, native_rows.native_id
HAVING LOGICAL_OR(native_rows.moved) OR COALESCE(LOGICAL_OR(cells.is_news), FALSE);

-- One row a contact that anything is to be done for. registers: what is accepted of it; is_accepted: that is more or other than
-- before; to_hub: its row of the wide table is to be written.
CREATE OR REPLACE TABLE {{ dataset }}.sync_plan_{{ cycle }} {{ m.temporary() }} AS
WITH
contacts AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(path AS path, value AS value, changed_at AS changed_at, system AS system) ORDER BY path) AS registers,
    LOGICAL_OR(is_decided) AS is_decided,
    LOGICAL_OR(is_accepted) AS is_accepted,
    LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') AS is_deleted,
    LOGICAL_OR(path = '{{ deleted }}' AND is_accepted) AS is_deletion
  FROM (
    SELECT contact_id, path, value, changed_at, system, is_decided, is_accepted FROM {{ dataset }}.sync_settled_{{ cycle }}
    UNION ALL
    SELECT contact_id, path, value, changed_at, system, FALSE, FALSE
    FROM {{ dataset }}.sync_accepted_{{ cycle }}
    WHERE NOT is_open
  )
  GROUP BY contact_id
),

-- The system of each contact's newest accepted change, for updated_by.
newest AS (
  SELECT contact_id, system
  FROM {{ dataset }}.sync_settled_{{ cycle }}
  WHERE is_accepted
  QUALIFY ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY changed_at DESC, rank, path) = 1
),

-- The contacts' rows of the wide table.
hub_rows AS (
  SELECT
    native_rows.contact_id, native_rows.version, native_rows.unread_fields,
    NOT (native_rows.gone OR COALESCE(deletion.gone, FALSE)) AS is_there
  FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
  LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS deletion
    ON deletion.system = native_rows.system AND deletion.native_id = native_rows.native_id AND deletion.path = '{{ deleted }}'
  WHERE native_rows.system = 'bigquery' AND NOT native_rows.retired
),

-- Contacts with a write, with news of a row, with a change that lost, or with one that must wait from now on, or no longer.
concerned AS (
  SELECT contact_id, LOGICAL_OR(to_hub) AS to_hub
  FROM (
    SELECT contact_id, system = 'bigquery' AND native_id = contact_id AS to_hub FROM {{ dataset }}.sync_writes_{{ cycle }}
    UNION ALL
    SELECT contact_id, FALSE FROM {{ dataset }}.sync_learnt_{{ cycle }}
    UNION ALL
    SELECT contact_id, FALSE FROM {{ dataset }}.sync_claims_{{ cycle }} WHERE is_lost
    UNION ALL
    SELECT contact_id, FALSE FROM {{ dataset }}.sync_cells_{{ cycle }} WHERE (hold_reason IS NULL) <> (held_at IS NULL)
  )
  GROUP BY contact_id
)

SELECT
  contacts.contact_id,
  CURRENT_TIMESTAMP() AS decided_at,
  registers.contact_id IS NULL AS is_new,
  contacts.is_decided,
  contacts.is_accepted,
  contacts.is_deleted,
  contacts.is_deletion,
  COALESCE(registers.created_at, CURRENT_TIMESTAMP()) AS created_at,
  COALESCE(registers.version, 0) + IF(contacts.is_accepted, 1, 0) AS version,
  newest.system AS updated_by,
  contacts.registers,
  hub_rows.version AS hub_digest,
  COALESCE(hub_rows.unread_fields, ARRAY<STRING>[]) AS hub_unread,
  COALESCE(hub_rows.is_there, FALSE) AS is_in_hub,
  COALESCE(concerned.to_hub, FALSE) OR contacts.is_accepted AND COALESCE(hub_rows.is_there, FALSE) AS to_hub
FROM contacts
LEFT JOIN concerned ON concerned.contact_id = contacts.contact_id
LEFT JOIN newest ON newest.contact_id = contacts.contact_id
LEFT JOIN {{ dataset }}.sync_registers AS registers ON registers.contact_id = contacts.contact_id
LEFT JOIN hub_rows ON hub_rows.contact_id = contacts.contact_id
WHERE contacts.is_decided OR concerned.contact_id IS NOT NULL;
