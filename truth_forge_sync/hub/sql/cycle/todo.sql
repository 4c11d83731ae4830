-- How much a decided cycle has to carry out, so that apply.sql leaves out what would do nothing (each statement is a second
-- on BigQuery). Nothing at all to apply in a cycle that only re-read unchanged rows. What earlier cycles left counts, too.
-- decided_at, in microseconds since 1970: nothing that this plan records is older, which bounds what is read of the logs.
SELECT
  plan.decided_at, plan.contacts, plan.decided, plan.accepted, plan.hub_rows, plan.hub_new, plan.hub_unread,
  learnt.bases, learnt.links, writes.intents, writes.hub_strays, matched.reviews, matched.unread,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_settled_{{ cycle }} WHERE is_accepted) AS changes,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_claims_{{ cycle }} WHERE is_lost) AS conflicts,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_cells_{{ cycle }} WHERE hold_reason IS NOT NULL) AS holds,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_intents) AS earlier_intents,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_holds) AS earlier_holds,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_errors WHERE status <> 'resolved') AS earlier_errors,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_match_review WHERE status = 'open') AS earlier_reviews,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_edits WHERE cycle_id = '{{ cycle }}') AS edits,
  ARRAY(
    SELECT CONCAT('sync_staged_', batch_id) FROM {{ dataset }}.sync_batches WHERE cycle_id = '{{ cycle }}' AND row_count > 0
  ) AS staged_tables
FROM (
  SELECT
    UNIX_MICROS(MIN(decided_at)) AS decided_at,
    COUNT(*) AS contacts, COUNT(IF(is_decided, 1, NULL)) AS decided, COUNT(IF(is_accepted, 1, NULL)) AS accepted,
    COUNT(IF(to_hub, 1, NULL)) AS hub_rows, COUNT(IF(to_hub AND NOT is_in_hub, 1, NULL)) AS hub_new,
    COUNT(IF(to_hub AND ARRAY_LENGTH(hub_unread) > 0, 1, NULL)) AS hub_unread
  FROM {{ dataset }}.sync_plan_{{ cycle }}
) AS plan
CROSS JOIN (
  SELECT COUNT(*) AS bases, COUNT(IF(is_new, 1, NULL)) AS links FROM {{ dataset }}.sync_learnt_{{ cycle }}
) AS learnt
CROSS JOIN (
  SELECT COUNT(*) AS intents, COUNT(IF(system = 'bigquery' AND native_id <> contact_id, 1, NULL)) AS hub_strays
  FROM {{ dataset }}.sync_writes_{{ cycle }}
) AS writes
CROSS JOIN (
  SELECT COUNT(IF(contact_id IS NULL, 1, NULL)) AS reviews, COUNT(IF(ARRAY_LENGTH(unread_fields) > 0, 1, NULL)) AS unread
  FROM {{ dataset }}.sync_match_{{ cycle }}
) AS matched;
