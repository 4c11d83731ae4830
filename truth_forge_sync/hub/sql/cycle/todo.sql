-- How much a decided cycle has to carry out, so that apply.sql leaves out what would do nothing (each statement is a second
-- on BigQuery). Nothing at all to apply in a cycle that only re-read unchanged rows. What earlier cycles left counts, too.
WITH
planned AS (
  SELECT
    COUNT(*) AS contacts,
    COUNT(IF(is_decided, 1, NULL)) AS decided,
    COUNT(IF(is_accepted, 1, NULL)) AS accepted,
    COALESCE(SUM(ARRAY_LENGTH(bases)), 0) AS bases,
    COALESCE(SUM((SELECT COUNT(*) FROM UNNEST(bases) AS b WHERE b.is_new)), 0) AS links,
    COALESCE(SUM(ARRAY_LENGTH(intents)), 0) AS intents,
    COALESCE(SUM((
      SELECT COUNT(*) FROM UNNEST(intents) AS i WHERE i.system = 'bigquery' AND i.native_id = contact_id
    )), 0) + COUNT(IF(is_accepted AND is_in_hub, 1, NULL)) AS hub_rows,
    COALESCE(SUM((
      SELECT COUNT(*) FROM UNNEST(intents) AS i WHERE i.system = 'bigquery' AND i.native_id <> contact_id
    )), 0) AS hub_strays,
    COALESCE(SUM(ARRAY_LENGTH(changes)), 0) AS changes,
    COALESCE(SUM(ARRAY_LENGTH(conflicts)), 0) AS conflicts,
    COALESCE(SUM(ARRAY_LENGTH(holds)), 0) AS holds
  FROM {{ dataset }}.sync_plan_{{ cycle }}
),

matched AS (
  SELECT
    COUNT(IF(contact_id IS NULL, 1, NULL)) AS reviews,
    COUNT(IF(ARRAY_LENGTH(unread_fields) > 0, 1, NULL)) AS unread
  FROM {{ dataset }}.sync_match_{{ cycle }}
)

SELECT
  planned.contacts, planned.decided, planned.accepted, planned.bases, planned.links, planned.intents, planned.hub_rows, planned.hub_strays,
  planned.changes, planned.conflicts, planned.holds, matched.reviews, matched.unread,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_intents) AS earlier_intents,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_holds) AS earlier_holds,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_errors WHERE status <> 'resolved') AS earlier_errors,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_match_review WHERE status = 'open') AS earlier_reviews,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_edits WHERE cycle_id = '{{ cycle }}') AS edits,
  ARRAY(
    SELECT CONCAT('sync_staged_', batch_id) FROM {{ dataset }}.sync_batches WHERE cycle_id = '{{ cycle }}' AND row_count > 0
  ) AS staged_tables
FROM planned CROSS JOIN matched;
