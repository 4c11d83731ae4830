{# An edit by hand: one column of one contact, and nothing else, not even updated_at. #}
UPDATE {{ dataset }}.contacts_master AS contact
SET {{ column.name }} =
  {% if column.sql_type == 'JSON' %}
  PARSE_JSON(edit.value)
  {% elif column.kind == 'list' %}
  ARRAY(SELECT JSON_VALUE(element) FROM UNNEST(JSON_QUERY_ARRAY(edit.value)) AS element)
  {% else %}
  CAST(edit.value AS {{ column.sql_type }})
  {% endif %}
FROM {{ dataset }}.{{ staged }} AS edit
WHERE contact.contact_id = edit.contact_id
