{% import '_macros.sql' as m with context %}
-- The changes that are held back, one by one: what the row shows, and what is accepted instead.
WITH
-- What the contacts hold.
accepted AS (
  SELECT registers.contact_id, r.path, r.value
  FROM {{ dataset }}.sync_registers AS registers CROSS JOIN UNNEST(registers.registers) AS r
  WHERE registers.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_holds)
),

names AS (
  SELECT contact_id, MIN(canonical_name) AS name
  FROM {{ dataset }}.contacts_master
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_holds)
  GROUP BY contact_id
)

SELECT
  holds.system, holds.native_id, holds.contact_id, names.name, holds.reason, holds.status, holds.gone, holds.changed_at,
  holds.held_at, holds.release_at, holds.path,
  {{ m.told_field('holds.path') }} AS field,
  {{ m.told_value('holds.path', 'holds.value') }} AS value,
  {{ m.told_value('holds.path', 'accepted.value') }} AS accepted_value
FROM {{ dataset }}.sync_holds AS holds
LEFT JOIN accepted ON accepted.contact_id = holds.contact_id AND accepted.path = holds.path
LEFT JOIN names ON names.contact_id = holds.contact_id
ORDER BY holds.system, holds.reason, names.name, holds.contact_id, holds.native_id, holds.path;
