-- {{ 'Conflicts' if batch else 'All conflicts' }} that a person has seen and leaves as they were decided.
UPDATE {{ dataset }}.sync_conflicts SET status = 'dismissed'
WHERE status = 'open'
  {% if batch %}
  AND conflict_id IN (SELECT conflict_id FROM {{ dataset }}.sync_manifest_{{ batch }})
  {% endif %};
