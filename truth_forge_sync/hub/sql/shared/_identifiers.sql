{% import '_macros.sql' as m with context %}
{# E-mails and phones of contacts, anew from their registers; none of a deleted one. source: a table with contact_id and
   registers; which: the condition on its rows. #}
{% macro renew(source, which) -%}
DELETE FROM {{ dataset }}.contact_identifiers
WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.{{ source }} WHERE {{ which }});

INSERT INTO {{ dataset }}.contact_identifiers (
  contact_id, identifier_type, identifier_value, identifier_normalized, is_primary, match_key
)
SELECT
  contact_id,
  IF({{ m.is_field('path', email_fields) }}, 'email', 'phone'),
  {{ m.element('path', 'value') }},
  {{ m.element('path', 'value') }},
  STRPOS(path, '/') = 0,
  {{ m.match_key('path', 'value', 'first_name', 'last_name', 'is_business') }}
FROM (
  SELECT
    chosen.contact_id, r.path, r.value,
    MAX(IF(r.path = 'first_name', r.value, NULL)) OVER (PARTITION BY chosen.contact_id) AS first_name,
    MAX(IF(r.path = 'last_name', r.value, NULL)) OVER (PARTITION BY chosen.contact_id) AS last_name,
    MAX(IF(r.path = 'is_business', r.value, NULL)) OVER (PARTITION BY chosen.contact_id) AS is_business,
    MAX(IF(r.path = '{{ deleted }}', r.value, NULL)) OVER (PARTITION BY chosen.contact_id) AS is_deleted
  FROM (SELECT contact_id, registers FROM {{ dataset }}.{{ source }} WHERE {{ which }}) AS chosen
  CROSS JOIN UNNEST(chosen.registers) AS r
  WHERE r.value IS NOT NULL
)
WHERE is_deleted IS NULL AND ({{ m.is_field('path', email_fields) }} OR {{ m.is_field('path', phone_fields) }});
{%- endmacro %}
