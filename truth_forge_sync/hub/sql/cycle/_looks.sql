{# What a native row was seen to be. #}
{% set observed = 'system, native_id, own_contact_id, version, changed_at, read_at, deleted, gone, fields, unread' %}

{# Every staged row of every batch. #}
{% macro arrived(batch_tables) -%}
{% for table in batch_tables %}
  SELECT {{ observed }}
  FROM {{ dataset }}.{{ table }}
  {% if not loop.last %}
  UNION ALL
  {% endif %}
  {% else %}
  SELECT
    CAST(NULL AS STRING) AS system, CAST(NULL AS STRING) AS native_id, CAST(NULL AS STRING) AS own_contact_id,
    CAST(NULL AS STRING) AS version, CAST(NULL AS TIMESTAMP) AS changed_at, CAST(NULL AS TIMESTAMP) AS read_at,
    FALSE AS deleted, FALSE AS gone, ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[] AS fields,
    ARRAY<STRUCT<field STRING, reason STRING>>[] AS unread
  FROM (SELECT 1) WHERE FALSE
  {% endfor -%}
{% endmacro %}

{# Of the looks at a native row the last one counts. #}
{% macro is_latest() -%}
ROW_NUMBER() OVER (PARTITION BY system, native_id ORDER BY read_at DESC, changed_at DESC, version DESC) = 1
{%- endmacro %}
