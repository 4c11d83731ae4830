{% import '_macros.sql' as m with context %}
{% import '_told.sql' as told with context %}
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
    {% for count in ['created', 'updated', 'deleted', 'conflicts', 'held'] %}
    COALESCE(SUM({{ count }}), 0) AS {{ count }},
    {% endfor %}
    (SELECT COUNT(*) FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NULL) AS reviews,
    {% if everything %}
    -- Contacts that were not known before can't have gone astray.
    (SELECT COUNT(*) FROM {{ dataset }}.contacts_master WHERE deleted_at IS NULL) - SUM(newly_living) AS compared,
    SUM(differing) AS differing,
    {% endif %}
    {{ m.pulls() }} AS systems
  FROM {% if is_split %}{{ dataset }}.sync_told_{{ cycle }}{% else %}(
    {{ told.told() }}
  ){% endif %}

) AS s
ON t.cycle_id = '{{ cycle }}'
WHEN MATCHED THEN
  UPDATE SET
    status = 'applied', finished_at = CURRENT_TIMESTAMP(), contacts_created = s.created, contacts_updated = s.updated,
    contacts_deleted = s.deleted, conflicts = s.conflicts, reviews = s.reviews, held = s.held,
    {% if everything %}
    contacts_compared = GREATEST(s.compared, 0), contacts_aligned = GREATEST(s.compared - s.differing, 0),
    {% endif %}
    systems = s.systems;
