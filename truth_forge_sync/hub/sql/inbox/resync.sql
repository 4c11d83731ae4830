-- Contacts that are to be decided about again, though nobody edited them. Running it twice is running it once.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, origin, created_at)
SELECT edit_id, contact_id, 'resync', CURRENT_TIMESTAMP()
FROM (SELECT DISTINCT CONCAT('resync/', asked) AS edit_id, asked AS contact_id FROM {{ dataset }}.sync_manifest_{{ batch }})
WHERE edit_id NOT IN (SELECT edit_id FROM {{ dataset }}.sync_edits);
