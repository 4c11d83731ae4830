{% import '_macros.sql' as m with context %}
-- Rows in review that nobody need judge any more: what is staged shows that they are deleted, or gone. Every live read of the
-- hub shows all of its rows that are not published, as those in review are.
WITH
looks AS (
  {% for table in batch_tables %}
  SELECT system, native_id, version, changed_at, read_at, deleted FROM {{ dataset }}.{{ table }}
  {{ 'UNION ALL' if not loop.last }}
  {% else %}
  SELECT
    CAST(NULL AS STRING) AS system, CAST(NULL AS STRING) AS native_id, CAST(NULL AS STRING) AS version,
    CAST(NULL AS TIMESTAMP) AS changed_at, CAST(NULL AS TIMESTAMP) AS read_at, FALSE AS deleted
  FROM (SELECT 1) WHERE FALSE
  {% endfor %}
),

latest AS (
  SELECT system, native_id, read_at, deleted
  FROM looks
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY system, native_id ORDER BY read_at DESC, changed_at DESC, version DESC) = 1
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
WHERE review.status = 'open'
  AND (latest.deleted OR COALESCE(latest.read_at < read_whole.read_at, latest.native_id IS NULL AND read_whole.system IS NOT NULL));
