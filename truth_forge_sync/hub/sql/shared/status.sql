-- How the hub is doing: where the sync stands (as in state.sql), and how many contacts there are. aligned: living ones of
-- which an active system neither lacks, refuses nor withholds anything.
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
{% include '_state.sql' %}
;
