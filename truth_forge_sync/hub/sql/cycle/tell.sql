{% import '_told.sql' as told with context %}
-- A share of a large cycle is carried out: what it did, and what people asked for by command of its contacts, is done with.
INSERT INTO {{ dataset }}.sync_told_{{ cycle }} (
  first_contact, created, updated, deleted, conflicts, held, newly_living, differing
)
SELECT first_contact, created, updated, deleted, conflicts, held, newly_living, differing
FROM (
  {{ told.told() }}
)
WHERE first_contact NOT IN (SELECT first_contact FROM {{ dataset }}.sync_told_{{ cycle }});
{% if todo.edits %}

DELETE FROM {{ dataset }}.sync_edits
WHERE cycle_id = '{{ cycle }}' AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_native_{{ cycle }});
{% endif %}
