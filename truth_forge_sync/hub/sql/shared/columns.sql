-- Columns that an older table lacks; only those, since BigQuery limits changes of a table's metadata.
{% for column in missing %}
ALTER TABLE {{ dataset }}.{{ table }} ADD COLUMN {{ column }} {{ types[column] }};
{% endfor %}
