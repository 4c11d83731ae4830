{% import '_macros.sql' as m with context %}
{# E-mails and phones of one contact, anew from its registers. contact_id: an expression. #}
{% macro renew(contact_id) -%}
DELETE FROM {{ dataset }}.contact_identifiers WHERE contact_id = {{ contact_id }};

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
    registers.contact_id, r.path, r.value,
    MAX(IF(r.path = 'first_name', r.value, NULL)) OVER (PARTITION BY registers.contact_id) AS first_name,
    MAX(IF(r.path = 'last_name', r.value, NULL)) OVER (PARTITION BY registers.contact_id) AS last_name,
    MAX(IF(r.path = 'is_business', r.value, NULL)) OVER (PARTITION BY registers.contact_id) AS is_business
  FROM {{ dataset }}.sync_registers AS registers CROSS JOIN UNNEST(registers.registers) AS r
  WHERE registers.contact_id = {{ contact_id }} AND r.value IS NOT NULL
)
WHERE {{ m.is_field('path', email_fields) }} OR {{ m.is_field('path', phone_fields) }};
{%- endmacro %}
