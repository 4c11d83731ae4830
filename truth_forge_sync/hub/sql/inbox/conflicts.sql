{% import '_macros.sql' as m with context %}
-- Changes that lost, newest first, each with its contact's name and what the contact holds there now. total: how many there
-- are, however few are wanted.
WITH
-- {{ 'Those whose ids begin as was typed: of each beginning two at most, the exact id first.' if asked else 'Those that are wanted.' }}
chosen AS (
  SELECT
    conflicts.conflict_id, conflicts.cycle_id, conflicts.contact_id, conflicts.field, conflicts.path, conflicts.winning_system,
    conflicts.winning_value, conflicts.winning_changed_at, conflicts.losing_system, conflicts.losing_value,
    conflicts.losing_changed_at, conflicts.reason, conflicts.status, conflicts.created_at,
    {{ 'typed.asked' if asked else 'CAST(NULL AS STRING)' }} AS asked,
    COUNT(*) OVER () AS total
  FROM {{ dataset }}.sync_conflicts AS conflicts
  {% if asked %}
  JOIN {{ dataset }}.sync_manifest_{{ asked }} AS typed ON STARTS_WITH(conflicts.conflict_id, typed.asked)
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.asked ORDER BY IF(conflicts.conflict_id = typed.asked, 0, 1), conflicts.conflict_id
  ) <= 2
  {% else %}
  WHERE {{ 'TRUE' if everything else "conflicts.status = 'open'" }}
    {% if contact %}
    AND conflicts.contact_id IN (SELECT asked FROM {{ dataset }}.sync_manifest_{{ contact }})
    {% endif %}
  ORDER BY conflicts.created_at DESC, conflicts.conflict_id
  LIMIT {{ limit }}
  {% endif %}
),

-- What their contacts hold.
held AS (
  SELECT registers.contact_id, r.path, r.value
  FROM {{ dataset }}.sync_registers AS registers CROSS JOIN UNNEST(registers.registers) AS r
  WHERE registers.contact_id IN (SELECT contact_id FROM chosen)
),

-- The contacts that there are.
contacts AS (
  SELECT contact_id, LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') AS is_deleted
  FROM held
  GROUP BY contact_id
),

names AS (
  SELECT contact_id, MIN(canonical_name) AS name
  FROM {{ dataset }}.contacts_master
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
)

SELECT
  chosen.conflict_id, chosen.cycle_id, chosen.contact_id, names.name, chosen.field, chosen.path, chosen.losing_system,
  chosen.losing_value, chosen.losing_changed_at, chosen.winning_system, chosen.winning_value, chosen.winning_changed_at,
  chosen.reason, chosen.status, chosen.created_at, chosen.asked, chosen.total,
  {{ m.told_value('chosen.path', 'held.value') }} AS value_now,
  CASE WHEN contacts.contact_id IS NULL THEN 'none' WHEN contacts.is_deleted THEN 'deleted' ELSE 'living' END AS contact
FROM chosen
LEFT JOIN contacts ON contacts.contact_id = chosen.contact_id
LEFT JOIN held ON held.contact_id = chosen.contact_id AND held.path = chosen.path
LEFT JOIN names ON names.contact_id = chosen.contact_id
ORDER BY chosen.created_at DESC, chosen.conflict_id;
