-- Contacts that were merged, the newest first, each with the names that both had then.
{% macro name(registers) -%}
(
    SELECT COALESCE(
      STRING_AGG(IF(r.path IN ('first_name', 'last_name'), r.value, NULL), ' ' ORDER BY r.path),
      MAX(IF(r.path IN ('organization', 'primary_email'), r.value, NULL))
    )
    FROM UNNEST({{ registers }}) AS r
  )
{%- endmacro %}
SELECT
  merges.merge_id, merges.kept_contact_id, merges.absorbed_contact_id, merges.status, merges.merged_at, merges.unmerged_at,
  {{ name('merges.kept') }} AS kept_name,
  {{ name('merges.absorbed') }} AS absorbed_name
FROM {{ dataset }}.sync_merges AS merges
WHERE merges.status <> 'abandoned'
ORDER BY merges.merged_at DESC, merges.merge_id DESC;
