{# What a plan did, known by the first of its contacts, since no two shares have one in common: contacts created, updated and
   deleted, changes that lost, and those that wait. Of all contacts, too: those that are new and living, and those known before
   that were not equal everywhere. #}
{% macro told() -%}
SELECT
  COALESCE(MIN(contact_id), '') AS first_contact,
  COALESCE(SUM(IF(is_new, 1, 0)), 0) AS created,
  COALESCE(SUM(IF(NOT is_new AND is_accepted AND NOT (is_deletion AND is_deleted), 1, 0)), 0) AS updated,
  COALESCE(SUM(IF(NOT is_new AND is_deletion AND is_deleted, 1, 0)), 0) AS deleted,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_claims_{{ cycle }} WHERE is_lost) AS conflicts,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_cells_{{ cycle }} WHERE hold_reason IS NOT NULL) AS held,
  {% if everything %}
  COUNT(IF(is_new AND NOT is_deleted, 1, NULL)) AS newly_living,
  COUNT(IF(NOT is_new AND NOT is_deleted AND (is_accepted OR contact_id IN (
    SELECT contact_id FROM {{ dataset }}.sync_lacking_{{ cycle }}
    UNION ALL
    SELECT contact_id FROM {{ dataset }}.sync_cells_{{ cycle }} WHERE hold_reason IS NOT NULL
  )), 1, NULL)) AS differing
  {% else %}
  CAST(NULL AS INT64) AS newly_living,
  CAST(NULL AS INT64) AS differing
  {% endif %}
FROM {{ dataset }}.sync_plan_{{ cycle }}
{%- endmacro %}
