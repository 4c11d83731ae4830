{% import '_macros.sql' as m with context %}
{# A column's value, out of the values of its paths. #}
{% macro pivoted(column) -%}
{% if column.kind == 'list' -%}
COALESCE({{ column.name }}.elements, ARRAY<STRING>[])
{%- elif column.kind == 'json' -%}
PARSE_JSON({{ column.name }}.object)
{%- elif column.sql_type == 'STRING' -%}
scalars.{{ column.name }}
{%- else -%}
SAFE_CAST(scalars.{{ column.name }} AS {{ column.sql_type }})
{%- endif %}
{%- endmacro %}
-- The rows of contacts_master that the plan wants: registers turned into columns. What could not be read stays as it is.
-- held: the row as its base will know it; digest: what tells whether it is in the table.
CREATE OR REPLACE TABLE {{ dataset }}.sync_wide_{{ cycle }} {{ m.temporary() }} AS
WITH
accepted AS (
  SELECT plan.contact_id, r.path, r.value, r.changed_at, r.system
  FROM {{ dataset }}.sync_plan_{{ cycle }} AS plan CROSS JOIN UNNEST(plan.registers) AS r
  WHERE plan.to_hub AND (r.value IS NOT NULL OR r.path = '{{ deleted }}')
),

scalars AS (
  SELECT
    contact_id,
    {% for column in columns if column.kind == 'scalar' %}
    MAX(IF(path = '{{ column.name }}', value, NULL)) AS {{ column.name }},
    {% endfor %}
    MAX(IF(path = '{{ deleted }}' AND value = 'true', changed_at, NULL)) AS deleted_at,
    ARRAY_AGG(
      IF(value IS NULL, NULL, STRUCT(path AS path, value AS value, CAST(NULL AS STRING) AS sent)) IGNORE NULLS ORDER BY path
    ) AS held
  FROM accepted
  GROUP BY contact_id
),

-- The elements of each list, and the text of each object.
gathered AS (
  SELECT
    contact_id, {{ m.field('path') }} AS field,
    ARRAY_AGG(SUBSTR(path, STRPOS(path, '/') + 1) ORDER BY path) AS elements,
    CONCAT('{', STRING_AGG(CONCAT(TO_JSON_STRING(SUBSTR(path, STRPOS(path, '/') + 1)), ':', value), ',' ORDER BY path), '}') AS object
  FROM accepted
  WHERE STRPOS(path, '/') > 0
  GROUP BY contact_id, field
),

sources AS (
  SELECT contact_id, ARRAY_AGG(system ORDER BY system) AS systems
  FROM (SELECT DISTINCT contact_id, system FROM accepted)
  GROUP BY contact_id
),
{% if todo.hub_unread %}

stored AS (
  SELECT *
  FROM {{ dataset }}.contacts_master
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }} WHERE to_hub AND ARRAY_LENGTH(hub_unread) > 0)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY updated_at DESC) = 1
),
{% endif %}

pivoted AS (
  SELECT
    plan.contact_id,
    {% for column in columns %}
    {% if todo.hub_unread %}
    IF('{{ column.name }}' IN UNNEST(plan.hub_unread), stored.{{ column.name }}, {{ pivoted(column) }}) AS {{ column.name }},
    {% else %}
    {{ pivoted(column) }} AS {{ column.name }},
    {% endif %}
    {% endfor %}
    COALESCE(
      NULLIF(TRIM(CONCAT(
        COALESCE(CONCAT(scalars.first_name, ' '), ''), COALESCE(CONCAT(scalars.middle_name, ' '), ''),
        COALESCE(CONCAT(scalars.last_name, ' '), ''), COALESCE(scalars.name_suffix, '')
      )), ''),
      scalars.organization,
      scalars.primary_email
    ) AS canonical_name,
    plan.created_at, plan.decided_at AS updated_at, scalars.deleted_at, plan.version,
    COALESCE(plan.updated_by, 'bigquery') AS updated_by, sources.systems AS source_systems, scalars.held, plan.hub_digest,
    plan.hub_unread, plan.is_in_hub
  FROM {{ dataset }}.sync_plan_{{ cycle }} AS plan
  JOIN scalars ON scalars.contact_id = plan.contact_id
  JOIN sources ON sources.contact_id = plan.contact_id
  {% for column in columns if column.kind != 'scalar' %}
  LEFT JOIN gathered AS {{ column.name }} ON {{ column.name }}.contact_id = plan.contact_id AND {{ column.name }}.field = '{{ column.name }}'
  {% endfor %}
  {% if todo.hub_unread %}
  LEFT JOIN stored ON stored.contact_id = plan.contact_id
  {% endif %}
  WHERE plan.to_hub
)

SELECT
  pivoted.contact_id, {% for column in columns %}pivoted.{{ column.name }}, {% endfor %}

  pivoted.canonical_name, pivoted.created_at, pivoted.updated_at, pivoted.deleted_at, pivoted.version, pivoted.updated_by,
  pivoted.source_systems, pivoted.held, pivoted.hub_digest, pivoted.hub_unread, pivoted.is_in_hub,
  {{ m.digest('pivoted') }} AS digest
FROM pivoted;
