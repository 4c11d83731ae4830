{% import '_told.sql' as told with context %}
-- A share of a large cycle is carried out: what it did, and what people asked for by command of its contacts, is done with.
INSERT INTO {{ dataset }}.sync_told_{{ cycle }} (created, updated, deleted, conflicts, held, newly_living, differing)
{{ told.told() }};
{% if todo.edits %}

DELETE FROM {{ dataset }}.sync_edits
WHERE cycle_id = '{{ cycle }}' AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_native_{{ cycle }});
{% endif %}
