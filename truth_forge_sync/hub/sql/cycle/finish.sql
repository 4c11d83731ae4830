-- A cycle ends: its cursors move, and it counts as applied.
{% if everything %}

UPDATE {{ dataset }}.sync_systems SET due = FALSE WHERE due;
{% endif %}
{% if todo.edits %}

-- What people asked for by command is in the plan now, and in the change log.
DELETE FROM {{ dataset }}.sync_edits WHERE cycle_id = '{{ cycle }}';
{% endif %}

-- The cursors move with the plan that their rows went into (law 1).
MERGE INTO {{ dataset }}.sync_cursors AS t
USING (
  SELECT system, marker, marker_since, watermark, read_at
  FROM {{ dataset }}.sync_batches
  WHERE cycle_id = '{{ cycle }}' AND live
  QUALIFY ROW_NUMBER() OVER (PARTITION BY system ORDER BY read_at DESC) = 1
) AS s
ON t.system = s.system
WHEN MATCHED AND t.read_at < s.read_at THEN
  UPDATE SET
    marker = s.marker, marker_since = s.marker_since, read_at = s.read_at, cycle_id = '{{ cycle }}',
    watermark = IF(t.watermark IS NULL OR s.watermark > t.watermark, s.watermark, t.watermark)
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, marker, marker_since, watermark, read_at, cycle_id)
  VALUES (s.system, s.marker, s.marker_since, s.watermark, s.read_at, '{{ cycle }}');

MERGE INTO {{ dataset }}.sync_cycles AS t
USING (
  SELECT
    COALESCE(SUM(IF(is_new, 1, 0)), 0) AS contacts_created,
    COALESCE(SUM(IF(NOT is_new AND is_accepted AND NOT (is_deletion AND is_deleted), 1, 0)), 0) AS contacts_updated,
    COALESCE(SUM(IF(NOT is_new AND is_deletion AND is_deleted, 1, 0)), 0) AS contacts_deleted,
    COALESCE(SUM(ARRAY_LENGTH(conflicts)), 0) AS conflicts,
    (SELECT COUNT(*) FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NULL) AS reviews,
    COALESCE(SUM(ARRAY_LENGTH(holds)), 0) AS held,
    {% if everything %}
    -- Contacts that were not known before can't have gone astray.
    (SELECT COUNT(*) FROM {{ dataset }}.contacts_master WHERE deleted_at IS NULL)
      - COUNT(IF(is_new AND NOT is_deleted, 1, NULL)) AS contacts_compared,
    COUNT(IF(NOT is_new AND NOT is_deleted AND ARRAY_LENGTH(changes) + ARRAY_LENGTH(intents)
      + ARRAY_LENGTH(holds) + ARRAY_LENGTH(refusals) > 0, 1, NULL)) AS differing,
    {% endif %}
    (
      SELECT ARRAY_AGG(STRUCT(
        system AS system, 'pull' AS phase, row_count AS read_rows, 0 AS created, 0 AS updated, 0 AS deleted, 0 AS refused,
        requests AS requests, seconds AS seconds
      ) ORDER BY system, read_at)
      FROM {{ dataset }}.sync_batches WHERE cycle_id = '{{ cycle }}'
    ) AS systems
  FROM {{ dataset }}.sync_plan_{{ cycle }}
) AS s
ON t.cycle_id = '{{ cycle }}'
WHEN MATCHED THEN
  UPDATE SET
    status = 'applied', finished_at = CURRENT_TIMESTAMP(), contacts_created = s.contacts_created,
    contacts_updated = s.contacts_updated, contacts_deleted = s.contacts_deleted, conflicts = s.conflicts, reviews = s.reviews,
    held = s.held, {{ 'contacts_compared = GREATEST(s.contacts_compared, 0), contacts_aligned = GREATEST(s.contacts_compared - s.differing, 0), ' if everything else '' }}systems = s.systems;
