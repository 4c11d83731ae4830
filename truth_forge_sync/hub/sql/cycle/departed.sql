{% import '_macros.sql' as m with context %}
{% import '_looks.sql' as looks with context %}
-- Rows in review that nobody need judge any more: what is staged shows that they are deleted, or gone. Every live read of the
-- hub shows all of its rows that are not published, as those in review are.
WITH
arrived AS (
{{ looks.arrived(batch_tables) -}}
),

latest AS (
  SELECT system, native_id, read_at, deleted
  FROM arrived
  WHERE TRUE
  QUALIFY {{ looks.is_latest() }}
),

read_whole AS (
  SELECT system, MAX(read_at) AS read_at
  FROM {{ dataset }}.sync_batches
  WHERE batch_id IN ({{ m.texts(batches) }}) AND (complete OR live AND system = 'bigquery')
  GROUP BY system
)

SELECT review.review_id
FROM {{ dataset }}.sync_match_review AS review
LEFT JOIN latest ON latest.system = review.system AND latest.native_id = review.native_id
LEFT JOIN read_whole ON read_whole.system = review.system
WHERE review.status = 'open' AND (
  latest.deleted
  OR latest.read_at < read_whole.read_at
  OR latest.native_id IS NULL AND read_whole.system IS NOT NULL
);
