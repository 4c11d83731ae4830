{# Expressions that several statements share. #}

{% macro field(path) %}SPLIT({{ path }}, '/')[OFFSET(0)]{% endmacro %}

{# A list of texts. They are generated identifiers (statements.py refuses anything else), never data. #}
{% macro texts(identifiers) %}{% for one in identifiers %}'{{ one }}'{% if not loop.last %}, {% endif %}{% endfor %}{% endmacro %}

{# The edits that this cycle decides about; a preview looks at those that wait. #}
{% macro taken() %}cycle_id {{ 'IS NULL' if preview else "= '" ~ cycle ~ "'" }}{% endmacro %}

{# Where a system stands in the order of those that have the say over a path's field (law 5); 0 where all have. #}
{% macro authority(path, system) -%}
{% if authorities -%}
CASE {{ field(path) }}
    {% for field_name, systems in authorities %}
    WHEN '{{ field_name }}' THEN CASE {{ system }}{% for one in systems %} WHEN '{{ one }}' THEN {{ loop.index }}{% endfor %} ELSE 99 END
    {% endfor %}
    ELSE 0
  END
{%- else -%}
0
{%- endif %}
{%- endmacro %}

{# A list element's own text (other_emails/ann@x → ann@x), or the scalar's value. #}
{% macro element(path, value) %}IF(STRPOS({{ path }}, '/') > 0, SUBSTR({{ path }}, STRPOS({{ path }}, '/') + 1), {{ value }}){% endmacro %}

{% macro is_field(path, fields) %}{{ field(path) }} IN ({% for f in fields %}'{{ f.name }}'{% if not loop.last %}, {% endif %}{% endfor %}){% endmacro %}

{# What identifies a person (law 15): an e-mail, or a phone with the name. Null for a shared mailbox or a business. #}
{% macro match_key(path, value, first_name, last_name, is_business) -%}
CASE
    WHEN COALESCE({{ is_business }}, 'false') = 'true' THEN NULL
    WHEN {{ is_field(path, email_fields) }} AND NOT REGEXP_CONTAINS(
      {{ element(path, value) }},
      r'^(info|sales|office|contact|hello|support|admin|team|mail|help|billing|accounts?|enquiries|no-?reply|postmaster|webmaster)@'
    ) THEN CONCAT('email:', {{ element(path, value) }})
    WHEN {{ is_field(path, phone_fields) }} THEN CONCAT('phone:', {{ element(path, value) }}, '|', LOWER({{ first_name }}), ' ', LOWER({{ last_name }}))
  END
{%- endmacro %}

{# A UUID that is the same for the same text. #}
{% macro uuid(text) %}REGEXP_REPLACE(TO_HEX(MD5({{ text }})), r'^(.{8})(.{4}).(.{3}).(.{3})(.{12})$', r'\1-\2-5\3-8\4-\5'){% endmacro %}

{# A text that is equal exactly while a person's view of a row of contacts_master is. #}
{% macro digest(row) -%}
TO_HEX(MD5(TO_JSON_STRING(STRUCT(
    {% for column in columns %}
    {{ row }}.{{ column.name }} AS {{ column.name }},
    {% endfor %}
    {{ row }}.deleted_at IS NOT NULL AS deleted
  ))))
{%- endmacro %}

{% macro temporary() %}OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)){% endmacro %}

{# How a path is told to people: a list's element is a value of its field, anything else is a field of its own. #}
{% macro told_field(path) %}IF({{ is_field(path, list_fields) }}, {{ field(path) }}, {{ path }}){% endmacro %}
{% macro told_value(path, value) %}IF({{ is_field(path, list_fields) }} AND {{ value }} IS NOT NULL, {{ element(path, value) }}, {{ value }}){% endmacro %}

{# The rows of contacts_master that a plan wants: registers turned into columns, for the contacts with a write to the hub, or
   with a change accepted from an edit there (its version and name are to be told). What could not be read stays as it is. #}
{% macro wide(cycle) -%}
SELECT
    plan.contact_id,
    {% for column in columns %}
    IF('{{ column.name }}' IN UNNEST(plan.hub_unread), stored.{{ column.name }}, plan.{{ column.name }}) AS {{ column.name }},
    {% endfor %}
    plan.canonical_name, plan.created_at, plan.updated_at, plan.deleted_at, plan.version, plan.updated_by,
    plan.source_systems, plan.hub_digest, plan.is_in_hub
  FROM (
    SELECT
      plan.contact_id,
      {% for column in columns %}
      {% if column.kind == 'list' %}
      COALESCE(
        ARRAY_AGG(IF(STARTS_WITH(r.path, '{{ column.name }}/'), SUBSTR(r.path, {{ column.name | length + 2 }}), NULL) IGNORE NULLS ORDER BY r.path),
        ARRAY<STRING>[]
      ) AS {{ column.name }},
      {% elif column.kind == 'json' %}
      PARSE_JSON(CONCAT('{', STRING_AGG(
        IF(STARTS_WITH(r.path, '{{ column.name }}/'), CONCAT(TO_JSON_STRING(SUBSTR(r.path, {{ column.name | length + 2 }})), ':', r.value), NULL),
        ',' ORDER BY r.path
      ), '}')) AS {{ column.name }},
      {% elif column.sql_type == 'STRING' %}
      MAX(IF(r.path = '{{ column.name }}', r.value, NULL)) AS {{ column.name }},
      {% else %}
      SAFE_CAST(MAX(IF(r.path = '{{ column.name }}', r.value, NULL)) AS {{ column.sql_type }}) AS {{ column.name }},
      {% endif %}
      {% endfor %}
      COALESCE(
        NULLIF(ARRAY_TO_STRING(ARRAY_AGG(
          IF(r.path IN ('first_name', 'middle_name', 'last_name', 'name_suffix'), r.value, NULL) IGNORE NULLS
          ORDER BY CASE r.path WHEN 'first_name' THEN 1 WHEN 'middle_name' THEN 2 WHEN 'last_name' THEN 3 ELSE 4 END
        ), ' '), ''),
        MAX(IF(r.path = 'organization', r.value, NULL)),
        MAX(IF(r.path = 'primary_email', r.value, NULL))
      ) AS canonical_name,
      ANY_VALUE(plan.created_at) AS created_at,
      ANY_VALUE(plan.decided_at) AS updated_at,
      MAX(IF(r.path = '{{ deleted }}' AND r.value = 'true', r.changed_at, NULL)) AS deleted_at,
      ANY_VALUE(plan.version) AS version,
      COALESCE(ANY_VALUE(plan.updated_by), 'bigquery') AS updated_by,
      ARRAY_AGG(DISTINCT r.system ORDER BY r.system) AS source_systems,
      ANY_VALUE(plan.hub_digest) AS hub_digest,
      ANY_VALUE(plan.hub_unread) AS hub_unread,
      ANY_VALUE(plan.is_in_hub) AS is_in_hub
    FROM {{ dataset }}.sync_plan_{{ cycle }} AS plan
    CROSS JOIN UNNEST(plan.registers) AS r
    WHERE (r.value IS NOT NULL OR r.path = '{{ deleted }}')
      AND (plan.is_accepted AND plan.is_in_hub
        OR EXISTS (SELECT 1 FROM UNNEST(plan.intents) AS i WHERE i.system = 'bigquery' AND i.native_id = plan.contact_id))
    GROUP BY plan.contact_id
  ) AS plan
  LEFT JOIN {{ dataset }}.contacts_master AS stored
    ON stored.contact_id = plan.contact_id AND ARRAY_LENGTH(plan.hub_unread) > 0
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY plan.contact_id ORDER BY stored.updated_at DESC) = 1
{%- endmacro %}
