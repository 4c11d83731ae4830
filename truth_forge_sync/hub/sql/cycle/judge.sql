{% import '_macros.sql' as m with context %}
{% import '_brake.sql' as brake with context %}
-- What must wait (law 14): of what changed, losses that are too many, and what goes to and fro.

-- What each path of each native row holds as of now: changes that must wait (law 14) count as not seen.
CREATE OR REPLACE TABLE {{ dataset }}.sync_cells_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Paths that went to and fro: changed within the hour to values that they had had within it, too often.
flipping AS (
  SELECT contact_id, path
  FROM {{ dataset }}.sync_change_log
  WHERE recorded_at > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)
    AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_seen_{{ cycle }} WHERE is_candidate)
  GROUP BY contact_id, path
  HAVING COUNT(*) - COUNT(DISTINCT COALESCE(new_value, '')) >= {{ flip_limit }}
),

-- Systems in which more contacts were deleted or emptied at once than anybody does on purpose.
braked AS (
  {% if is_braked %}
  SELECT system FROM {{ dataset }}.sync_braked_{{ cycle }}
  {% else %}
  {{ brake.braked(dataset ~ '.sync_seen_' ~ cycle) }}
  {% endif %}
),

judged AS (
  SELECT
    seen_now.*,
    CASE
      WHEN NOT is_candidate OR is_rejected THEN NULL
      WHEN flipping.path IS NOT NULL THEN 'flip_flop'
      WHEN is_loss AND braked.system IS NOT NULL THEN 'brake'
    END AS hold_reason
  FROM {{ dataset }}.sync_seen_{{ cycle }} AS seen_now
  LEFT JOIN flipping ON flipping.contact_id = seen_now.contact_id AND flipping.path = seen_now.path
  LEFT JOIN braked ON braked.system = seen_now.system
)

SELECT
  contact_id, system, native_id, path, changed_at, is_new, rank, held AS was, gone, held_at, hold_reason,
  seen AS shown,
  IF(hold_reason IS NULL, seen, held) AS value,
  IF(differs AND hold_reason IS NULL, NULL, sent) AS sent,
  moved OR differs AND hold_reason IS NULL AS is_news,
  is_candidate AND NOT is_rejected AND hold_reason IS NULL AS is_change,
  is_candidate AND is_rejected AS is_rejected
FROM judged;
