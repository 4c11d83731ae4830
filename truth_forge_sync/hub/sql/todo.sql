-- How much a plan has to carry out; nothing at all in a cycle that only re-read unchanged rows.
SELECT
  (SELECT COUNT(*) FROM {{ dataset }}.sync_plan_{{ cycle }})
  + (SELECT COUNT(IF(contact_id IS NULL OR ARRAY_LENGTH(unread_fields) > 0, 1, NULL)) FROM {{ dataset }}.sync_match_{{ cycle }}) AS actions;
