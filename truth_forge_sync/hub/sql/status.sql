-- How the hub is doing, in one row. aligned: living contacts without a write that an active system still lacks.
WITH
lacking AS (
  SELECT DISTINCT intents.contact_id
  FROM {{ dataset }}.sync_intents AS intents
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = intents.system
  WHERE systems.active AND intents.status IN ('open', 'parked')
),

contacts AS (
  SELECT
    COUNT(*) AS living,
    COUNT(IF(lacking.contact_id IS NULL, 1, NULL)) AS aligned
  FROM {{ dataset }}.contacts_master AS master
  LEFT JOIN lacking ON lacking.contact_id = master.contact_id
  WHERE master.deleted_at IS NULL
)

SELECT
  contacts.living AS contacts,
  contacts.aligned,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_conflicts WHERE status = 'open') AS conflicts_open,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_match_review WHERE status = 'open') AS review_open,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_errors WHERE status = 'parked') AS errors_parked,
  (SELECT ARRAY_AGG(STRUCT(system AS system, intents AS intents)) FROM (
    SELECT system, COUNT(*) AS intents FROM {{ dataset }}.sync_intents WHERE status = 'open' GROUP BY system
  )) AS pending,
  (SELECT ARRAY_AGG(STRUCT(system AS system, errors AS errors)) FROM (
    SELECT system, COUNT(*) AS errors FROM {{ dataset }}.sync_errors WHERE status = 'parked' GROUP BY system
  )) AS parked,
  (SELECT ARRAY_AGG(STRUCT(system AS system, read_at AS read_at)) FROM {{ dataset }}.sync_cursors) AS cursors
FROM contacts;
