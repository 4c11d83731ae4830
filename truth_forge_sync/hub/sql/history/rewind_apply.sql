-- A rewind as edits, which the next cycle takes as changes on top of what is accepted. Keyed by what is undone.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, path, value, origin, created_at)
SELECT edit_id, contact_id, path, value, 'rewind/{{ scope }}', CURRENT_TIMESTAMP()
FROM (
  SELECT CONCAT('rewind/', TO_HEX(MD5(CONCAT('{{ scope }}/', contact_id, '/', path)))) AS edit_id, contact_id, path, value
  FROM {{ dataset }}.sync_rewind_{{ batch }}
  WHERE verdict IN ('edit', 'delete', 'restore')
)
WHERE edit_id NOT IN (SELECT edit_id FROM {{ dataset }}.sync_edits);
