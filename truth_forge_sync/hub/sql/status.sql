-- How the hub is doing, in one row. aligned: living contacts of which an active system neither lacks, refuses nor withholds anything.
WITH
lacking AS (
  SELECT DISTINCT outstanding.contact_id
  FROM (
    SELECT system, contact_id FROM {{ dataset }}.sync_intents WHERE status = 'open'
    UNION ALL
    SELECT system, contact_id FROM {{ dataset }}.sync_errors WHERE kind = 'refused' AND status <> 'resolved'
    UNION ALL
    SELECT system, contact_id FROM {{ dataset }}.sync_holds
  ) AS outstanding
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = outstanding.system
  WHERE systems.active
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
  (SELECT COUNT(*) FROM {{ dataset }}.sync_errors WHERE status <> 'resolved') AS errors_parked,
  (SELECT ARRAY_AGG(STRUCT(system AS system, intents AS intents)) FROM (
    SELECT system, COUNT(*) AS intents FROM {{ dataset }}.sync_intents WHERE status = 'open' GROUP BY system
  )) AS pending,
  (SELECT ARRAY_AGG(STRUCT(system AS system, errors AS errors)) FROM (
    SELECT system, COUNT(*) AS errors FROM {{ dataset }}.sync_errors WHERE status <> 'resolved' GROUP BY system
  )) AS parked,
  (SELECT ARRAY_AGG(STRUCT(system AS system, read_at AS read_at)) FROM {{ dataset }}.sync_cursors) AS cursors
FROM contacts;
