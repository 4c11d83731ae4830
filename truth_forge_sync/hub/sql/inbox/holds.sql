{% import '_macros.sql' as m with context %}
-- What is held back, by system and reason. changes: values in all; deletes: contacts that were deleted; emptied: fields of
-- contacts that hold nothing any more.
SELECT
  system, reason, status,
  COUNT(*) AS changes,
  COUNT(DISTINCT contact_id) AS contacts,
  COUNT(DISTINCT IF(path = '{{ deleted }}' AND value IS NOT NULL, contact_id, NULL)) AS deletes,
  COUNT(DISTINCT IF(path <> '{{ deleted }}' AND value IS NULL, CONCAT(contact_id, '/', {{ m.field('path') }}), NULL)) AS emptied,
  MIN(held_at) AS since,
  MAX(release_at) AS until
FROM {{ dataset }}.sync_holds
GROUP BY system, reason, status
ORDER BY system, reason, status;
