-- What a plan would do, in one row: as finish.sql counts it, and how many writes of each kind every system would get.
SELECT
  COALESCE(SUM(IF(is_new, 1, 0)), 0) AS created,
  COALESCE(SUM(IF(NOT is_new AND is_accepted AND NOT (is_deletion AND is_deleted), 1, 0)), 0) AS updated,
  COALESCE(SUM(IF(NOT is_new AND is_deletion AND is_deleted, 1, 0)), 0) AS deleted,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_claims_{{ cycle }} WHERE is_lost) AS conflicts,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NULL) AS review,
  (SELECT ARRAY_AGG(STRUCT(system AS system, kind AS kind, writes AS writes)) FROM (
    SELECT system, kind, COUNT(*) AS writes FROM {{ dataset }}.sync_writes_{{ cycle }} GROUP BY system, kind
  )) AS writes
FROM {{ dataset }}.sync_plan_{{ cycle }};
