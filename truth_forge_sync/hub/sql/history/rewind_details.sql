{% import '_macros.sql' as m with context %}
-- What a rewind would do, path by path, as people name it.
SELECT
  rewind.contact_id, master.name, rewind.verdict, rewind.hint,
  {{ m.told_field('rewind.path') }} AS field,
  {{ m.told_value('rewind.path', 'rewind.value_now') }} AS value_now,
  {{ m.told_value('rewind.path', 'rewind.value') }} AS value
FROM {{ dataset }}.sync_rewind_{{ batch }} AS rewind
LEFT JOIN (
  SELECT
    contact_id,
    MIN(COALESCE(
      canonical_name, NULLIF(TRIM(CONCAT(COALESCE(first_name, ''), ' ', COALESCE(last_name, ''))), ''), organization, primary_email
    )) AS name
  FROM {{ dataset }}.contacts_master
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_rewind_{{ batch }})
  GROUP BY contact_id
) AS master ON master.contact_id = rewind.contact_id
ORDER BY
  CASE rewind.verdict WHEN 'delete' THEN 1 WHEN 'restore' THEN 2 WHEN 'edit' THEN 3 ELSE 4 END, rewind.verdict,
  master.name, rewind.contact_id, rewind.path;
