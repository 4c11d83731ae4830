-- Columns that an older contacts_master lacks; only those, since BigQuery limits changes of a table's metadata.
{% for column in columns if column.name in missing %}
ALTER TABLE {{ dataset }}.contacts_master ADD COLUMN {{ column.name }} {{ column.sql_type }};
{% endfor %}
