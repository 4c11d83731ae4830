{% import '_macros.sql' as m with context %}
-- Values that lost become edits: the next cycle takes each as a change on top of what is accepted. Keyed by conflict.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, path, value, origin, created_at)
SELECT
  CONCAT('conflict/', conflicts.conflict_id), conflicts.contact_id, conflicts.path,
  -- A list's element is told as a value of its field, and is a path of its own that is there or not.
  IF({{ m.is_field('conflicts.path', list_fields) }}, IF(conflicts.losing_value IS NULL, NULL, 'true'), conflicts.losing_value),
  CONCAT('conflict/', conflicts.conflict_id),
  CURRENT_TIMESTAMP()
FROM {{ dataset }}.sync_conflicts AS conflicts
WHERE conflicts.status = 'open'
  AND conflicts.conflict_id IN (SELECT conflict_id FROM {{ dataset }}.sync_manifest_{{ batch }})
  AND conflicts.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_registers)
  AND CONCAT('conflict/', conflicts.conflict_id) NOT IN (SELECT edit_id FROM {{ dataset }}.sync_edits);

UPDATE {{ dataset }}.sync_conflicts SET status = 'restored'
WHERE status = 'open' AND CONCAT('conflict/', conflict_id) IN (SELECT edit_id FROM {{ dataset }}.sync_edits)
  AND conflict_id IN (SELECT conflict_id FROM {{ dataset }}.sync_manifest_{{ batch }});
