{% import '_macros.sql' as m with context %}
-- A cycle ends: its cursors move, and it counts as applied.
{% if everything %}

UPDATE {{ dataset }}.sync_systems SET due = FALSE WHERE due;
{% endif %}
{% if todo.edits %}

-- What people asked for by command is in the plan now, and in the change log.
DELETE FROM {{ dataset }}.sync_edits WHERE cycle_id = '{{ cycle }}';
{% endif %}

{% include '_cursors.sql' %}

MERGE INTO {{ dataset }}.sync_cycles AS t
USING (
  SELECT
    COALESCE(SUM(IF(is_new, 1, 0)), 0) AS contacts_created,
    COALESCE(SUM(IF(NOT is_new AND is_accepted AND NOT (is_deletion AND is_deleted), 1, 0)), 0) AS contacts_updated,
    COALESCE(SUM(IF(NOT is_new AND is_deletion AND is_deleted, 1, 0)), 0) AS contacts_deleted,
    (SELECT COUNT(*) FROM {{ dataset }}.sync_claims_{{ cycle }} WHERE is_lost) AS conflicts,
    (SELECT COUNT(*) FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NULL) AS reviews,
    (SELECT COUNT(*) FROM {{ dataset }}.sync_cells_{{ cycle }} WHERE hold_reason IS NOT NULL) AS held,
    {% if everything %}
    -- Contacts that were not known before can't have gone astray.
    (SELECT COUNT(*) FROM {{ dataset }}.contacts_master WHERE deleted_at IS NULL)
      - COUNT(IF(is_new AND NOT is_deleted, 1, NULL)) AS contacts_compared,
    COUNT(IF(NOT is_new AND NOT is_deleted AND (is_accepted OR contact_id IN (
      SELECT contact_id FROM {{ dataset }}.sync_lacking_{{ cycle }}
      UNION ALL
      SELECT contact_id FROM {{ dataset }}.sync_cells_{{ cycle }} WHERE hold_reason IS NOT NULL
    )), 1, NULL)) AS differing,
    {% endif %}
    {{ m.pulls() }} AS systems
  FROM {{ dataset }}.sync_plan_{{ cycle }}
) AS s
ON t.cycle_id = '{{ cycle }}'
WHEN MATCHED THEN
  UPDATE SET
    status = 'applied', finished_at = CURRENT_TIMESTAMP(), contacts_created = s.contacts_created,
    contacts_updated = s.contacts_updated, contacts_deleted = s.contacts_deleted, conflicts = s.conflicts, reviews = s.reviews,
    held = s.held, {{ 'contacts_compared = GREATEST(s.contacts_compared, 0), contacts_aligned = GREATEST(s.contacts_compared - s.differing, 0), ' if everything else '' }}systems = s.systems;
