{% import '_macros.sql' as m with context %}
-- What people changed in contacts_master by SQL: rows that are not what we last published, whatever their stamps say.
SELECT
  {% if count_only %}
  COUNT(*) AS edits,
  MIN(COALESCE(master.version_now, known.native_id)) AS least,
  MAX(COALESCE(master.version_now, known.native_id)) AS greatest
  {% else %}
  master.*,
  known.native_id AS known_id,
  known.changed_at AS published_at
  {% endif %}
FROM (
  SELECT
    contacts.contact_id,
    {% if not count_only %}
    {% for column in columns %}
    {{ 'TO_JSON_STRING(contacts.' ~ column.name ~ ') AS ' ~ column.name if column.kind == 'json' else 'contacts.' ~ column.name }},
    {% endfor %}
    contacts.created_at, contacts.updated_at, contacts.deleted_at,
    {% endif %}
    {{ m.digest('contacts') }} AS version_now
  FROM {{ dataset }}.contacts_master AS contacts
) AS master
FULL JOIN (
  SELECT native_id, version, changed_at FROM {{ dataset }}.sync_bases WHERE system = 'bigquery' AND NOT gone
) AS known
  ON known.native_id = master.contact_id
WHERE COALESCE(known.version, '') <> COALESCE(master.version_now, '');
