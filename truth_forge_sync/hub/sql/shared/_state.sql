SELECT 'systems' AS part, TO_JSON_STRING(STRUCT(system AS system, rank AS rank, fields AS fields, active AS active, due AS due)) AS item
FROM {{ dataset }}.sync_systems
UNION ALL
SELECT 'cursors', TO_JSON_STRING(STRUCT(
  system AS system, marker AS marker, marker_since AS marker_since, watermark AS watermark, read_at AS read_at, cycle_id AS cycle_id
))
FROM {{ dataset }}.sync_cursors
UNION ALL
SELECT 'batches', TO_JSON_STRING(STRUCT(
  batch_id AS batch_id, system AS system, row_count AS row_count, fields AS fields, complete AS complete
))
FROM {{ dataset }}.sync_batches
WHERE cycle_id IS NULL
UNION ALL
SELECT 'unfinished', TO_JSON_STRING(cycle_id) FROM {{ dataset }}.sync_cycles WHERE status = 'planned'
UNION ALL
SELECT 'merges', TO_JSON_STRING(STRUCT(merge_id AS merge_id, status AS status))
FROM {{ dataset }}.sync_merges
WHERE status IN ('decided', 'merging', 'unmerging')
UNION ALL
SELECT 'last_cycle', TO_JSON_STRING(MAX(cycle_id)) FROM {{ dataset }}.sync_cycles WHERE status = 'applied'
UNION ALL
SELECT 'open_intents', TO_JSON_STRING(STRUCT(system AS system, kind AS kind, intents AS intents))
FROM (SELECT system, kind, COUNT(*) AS intents FROM {{ dataset }}.sync_intents WHERE status = 'open' GROUP BY system, kind)
UNION ALL
SELECT 'edits', TO_JSON_STRING(COUNT(*)) FROM {{ dataset }}.sync_edits WHERE cycle_id IS NULL
UNION ALL
SELECT 'refusals', TO_JSON_STRING(STRUCT(COUNT(*) AS standing, COUNT(IF(next_attempt_at <= CURRENT_TIMESTAMP(), 1, NULL)) AS due))
FROM {{ dataset }}.sync_errors
WHERE kind = 'refused' AND status <> 'resolved'
UNION ALL
SELECT 'parked', TO_JSON_STRING(STRUCT(system AS system, errors AS errors))
FROM (SELECT system, COUNT(*) AS errors FROM {{ dataset }}.sync_errors WHERE status <> 'resolved' GROUP BY system)
UNION ALL
SELECT 'conflicts', TO_JSON_STRING(COUNT(*)) FROM {{ dataset }}.sync_conflicts WHERE status = 'open'
UNION ALL
SELECT 'reviews', TO_JSON_STRING(COUNT(*)) FROM {{ dataset }}.sync_match_review WHERE status = 'open'
UNION ALL
SELECT 'holds', TO_JSON_STRING(STRUCT(
  system AS system, contacts AS contacts, rejected AS rejected, frozen AS frozen, releases AS releases
))
FROM (
  SELECT
    system,
    COUNT(DISTINCT IF(reason = 'brake' AND status = 'held', contact_id, NULL)) AS contacts,
    COUNT(IF(status = 'rejected', 1, NULL)) AS rejected,
    COUNT(IF(reason = 'flip_flop', 1, NULL)) AS frozen,
    COUNT(IF(release_at <= CURRENT_TIMESTAMP(), 1, NULL)) AS releases
  FROM {{ dataset }}.sync_holds
  GROUP BY system
)
UNION ALL
SELECT 'sweeps', TO_JSON_STRING(STRUCT(cycle_id AS cycle_id, contacts_compared AS compared, contacts_aligned AS aligned))
FROM {{ dataset }}.sync_cycles
WHERE contacts_compared IS NOT NULL
QUALIFY ROW_NUMBER() OVER (ORDER BY cycle_id DESC) = 1
