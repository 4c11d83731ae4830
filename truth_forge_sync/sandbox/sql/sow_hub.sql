{# Contacts that somebody adds to the hub by hand: those rows of the staged table that contacts_master lacks. #}
INSERT INTO {{ dataset }}.contacts_master (
  contact_id, {% for column in columns %}{{ column.name }}, {% endfor %}created_at, updated_at
)
SELECT
  sown.contact_id,
  {% for column in columns %}
  {% if column.sql_type == 'JSON' %}
  PARSE_JSON(sown.{{ column.name }}),
  {% elif column.sql_type == 'DATE' %}
  CAST(sown.{{ column.name }} AS DATE),
  {% else %}
  sown.{{ column.name }},
  {% endif %}
  {% endfor %}
  sown.updated_at,
  sown.updated_at
FROM {{ dataset }}.{{ staged }} AS sown
WHERE NOT EXISTS (
  SELECT 1 FROM {{ dataset }}.contacts_master AS there WHERE there.contact_id = sown.contact_id
)
