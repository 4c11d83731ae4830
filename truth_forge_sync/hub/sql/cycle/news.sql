-- How many rows a cycle has to decide about, how many of these are not linked to any contact yet{{ ', and how many are known' if everything else '' }}.
SELECT
  COUNT(*) AS arrived,
  COUNT(IF(linked_contact_id IS NULL, 1, NULL)) AS strangers,
  {{ '(SELECT COUNT(*) FROM ' ~ dataset ~ '.sync_registers)' if everything else '0' }} AS known
FROM {{ dataset }}.sync_rows_{{ cycle }};
