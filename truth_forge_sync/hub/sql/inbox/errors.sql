-- Values that a system refused or that could not be read, newest first.
WITH
-- {{ 'Those whose ids begin as was typed: of each beginning two at most, the exact id first.' if asked else 'Those that are wanted.' }}
chosen AS (
  SELECT
    errors.error_id, errors.system, errors.contact_id, errors.native_id, errors.field, errors.path, errors.value, errors.kind,
    errors.message, errors.attempts, errors.last_attempt_at, errors.next_attempt_at, errors.status, errors.created_at,
    {{ 'typed.asked' if asked else 'CAST(NULL AS STRING)' }} AS asked
  FROM {{ dataset }}.sync_errors AS errors
  {% if asked %}
  JOIN {{ dataset }}.sync_manifest_{{ asked }} AS typed ON STARTS_WITH(errors.error_id, typed.asked)
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.asked ORDER BY IF(errors.error_id = typed.asked, 0, 1), errors.error_id
  ) <= 2
  {% else %}
  WHERE {{ 'TRUE' if everything else "errors.status <> 'resolved'" }}
  {% endif %}
),

names AS (
  SELECT contact_id, MIN(canonical_name) AS name
  FROM {{ dataset }}.contacts_master
  WHERE contact_id IN (SELECT contact_id FROM chosen)
  GROUP BY contact_id
)

SELECT
  chosen.error_id, chosen.system, chosen.contact_id, names.name, chosen.native_id, chosen.field, chosen.path, chosen.value,
  chosen.kind, chosen.message, chosen.attempts, chosen.last_attempt_at, chosen.next_attempt_at, chosen.status,
  chosen.created_at, chosen.asked
FROM chosen
LEFT JOIN names ON names.contact_id = chosen.contact_id
ORDER BY chosen.created_at DESC, chosen.error_id;
