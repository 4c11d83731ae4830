-- The contacts whose ids begin as was typed (of each beginning two at most, the exact id first), each with the living native
-- rows that stand for it.
WITH
-- Those whose ids begin so.
chosen AS (
  SELECT typed.asked, registers.contact_id
  FROM {{ dataset }}.sync_registers AS registers
  JOIN {{ dataset }}.sync_manifest_{{ asked }} AS typed ON STARTS_WITH(registers.contact_id, typed.asked)
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.asked ORDER BY IF(registers.contact_id = typed.asked, 0, 1), registers.contact_id
  ) <= 2
),

-- The deleted ones among them.
deleted AS (
  SELECT registers.contact_id
  FROM {{ dataset }}.sync_registers AS registers CROSS JOIN UNNEST(registers.registers) AS r
  WHERE registers.contact_id IN (SELECT contact_id FROM chosen) AND r.path = '{{ deleted }}' AND r.value = 'true'
),

-- Rows that stand for them, or will from the next cycle on, since a person said so (is_linked: not yet).
native_rows AS (
  SELECT bases.contact_id, bases.system, bases.native_id, TRUE AS is_linked
  FROM {{ dataset }}.sync_bases AS bases
  WHERE bases.contact_id IN (SELECT contact_id FROM chosen) AND NOT bases.gone AND NOT COALESCE(bases.retired, FALSE)
    AND NOT EXISTS (SELECT 1 FROM UNNEST(bases.held) AS h WHERE h.path = '{{ deleted }}' AND h.value = 'true')
  UNION ALL
  SELECT review.contact_id, review.system, review.native_id, FALSE AS is_linked
  FROM {{ dataset }}.sync_match_review AS review
  LEFT JOIN {{ dataset }}.sync_links AS links ON links.native_id = review.native_id AND links.system = review.system
  WHERE review.status = 'linked' AND links.native_id IS NULL AND review.contact_id IN (SELECT contact_id FROM chosen)
),

names AS (
  SELECT contact_id, MIN(canonical_name) AS name
  FROM {{ dataset }}.contacts_master
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
)

SELECT
  chosen.asked, chosen.contact_id, names.name,
  chosen.contact_id IN (SELECT contact_id FROM deleted) AS is_deleted,
  COALESCE(standing.native_rows, []) AS native_rows
FROM chosen
LEFT JOIN names ON names.contact_id = chosen.contact_id
LEFT JOIN (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(system AS system, native_id AS native_id, is_linked AS is_linked) ORDER BY system, native_id) AS native_rows
  FROM native_rows
  GROUP BY contact_id
) AS standing ON standing.contact_id = chosen.contact_id;
