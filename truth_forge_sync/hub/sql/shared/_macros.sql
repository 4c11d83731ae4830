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

{# A number that is equal while what a native row holds is. A row without one (of an older hub) is decided about when it is read. #}
{% macro held_digest(held) %}FARM_FINGERPRINT(TO_JSON_STRING({{ held }})){% endmacro %}

{% macro temporary() %}OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)){% endmacro %}

{# How a path is told to people: a list's element is a value of its field, anything else is a field of its own. #}
{% macro told_field(path) %}IF({{ is_field(path, list_fields) }}, {{ field(path) }}, {{ path }}){% endmacro %}
{% macro told_value(path, value) %}IF({{ is_field(path, list_fields) }} AND {{ value }} IS NOT NULL, {{ element(path, value) }}, {{ value }}){% endmacro %}

{# What the pulls of a cycle did, as entries of sync_cycles.systems. #}
{% macro pulls() -%}
(
      SELECT ARRAY_AGG(STRUCT(
        system AS system, 'pull' AS phase, row_count AS read_rows, 0 AS created, 0 AS updated, 0 AS deleted, 0 AS refused,
        requests AS requests, seconds AS seconds
      ) ORDER BY system, read_at)
      FROM {{ dataset }}.sync_batches WHERE cycle_id = '{{ cycle }}'
    )
{%- endmacro %}

{# Whether a contact is of the share of a large cycle that is decided about now: any number that is the same for the same id. #}
{% macro in_share(contact) %}MOD(ABS(FARM_FINGERPRINT({{ contact }})), {{ share.of }}) = {{ share.number }}{% endmacro %}

{# Whether a row of sync_scope, called scope, says that a path of a contact is to be decided about. #}
{% macro in_scope(contact, path) %}scope.contact_id = {{ contact }} AND COALESCE(scope.field, {{ field(path) }}) = {{ field(path) }}{% endmacro %}
