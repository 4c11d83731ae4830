-- How the hub is doing: one row an item, as JSON, named for its part (as in state.sql). aligned: living contacts of which an
-- active system neither lacks, refuses nor withholds anything.
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
)

SELECT 'contacts' AS part, TO_JSON_STRING(STRUCT(
  COUNT(*) AS living, COUNT(IF(lacking.contact_id IS NULL, 1, NULL)) AS aligned
)) AS item
FROM {{ dataset }}.contacts_master AS master
LEFT JOIN lacking ON lacking.contact_id = master.contact_id
WHERE master.deleted_at IS NULL
UNION ALL
SELECT 'conflicts_open', TO_JSON_STRING(COUNT(*)) FROM {{ dataset }}.sync_conflicts WHERE status = 'open'
UNION ALL
SELECT 'review_open', TO_JSON_STRING(COUNT(*)) FROM {{ dataset }}.sync_match_review WHERE status = 'open'
UNION ALL
SELECT 'pending', TO_JSON_STRING(STRUCT(system AS system, intents AS intents))
FROM (SELECT system, COUNT(*) AS intents FROM {{ dataset }}.sync_intents WHERE status = 'open' GROUP BY system)
UNION ALL
SELECT 'parked', TO_JSON_STRING(STRUCT(system AS system, errors AS errors))
FROM (SELECT system, COUNT(*) AS errors FROM {{ dataset }}.sync_errors WHERE status <> 'resolved' GROUP BY system)
UNION ALL
SELECT 'held', TO_JSON_STRING(STRUCT(system AS system, contacts AS contacts))
FROM (
  SELECT system, COUNT(DISTINCT contact_id) AS contacts
  FROM {{ dataset }}.sync_holds WHERE reason = 'brake' AND status = 'held' GROUP BY system
)
UNION ALL
SELECT 'cursors', TO_JSON_STRING(STRUCT(system AS system, read_at AS read_at)) FROM {{ dataset }}.sync_cursors;
