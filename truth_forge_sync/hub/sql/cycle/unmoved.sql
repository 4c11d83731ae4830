{% import '_macros.sql' as m with context %}
-- A cycle ends that had nothing to decide: every row that was staged is as we know it.
{% include '_cursors.sql' %}

UPDATE {{ dataset }}.sync_cycles
SET
  status = 'applied', finished_at = CURRENT_TIMESTAMP(), contacts_created = 0, contacts_updated = 0, contacts_deleted = 0,
  conflicts = 0, reviews = 0, held = 0, systems = {{ m.pulls() }}
WHERE cycle_id = '{{ cycle }}';
