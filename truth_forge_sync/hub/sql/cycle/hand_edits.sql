{% import '_macros.sql' as m with context %}
-- What people changed in contacts_master by SQL: rows that are not what we last published, whatever their stamps say.
WITH
-- What we last published, row by row.
published AS (
  SELECT native_id, version, changed_at FROM {{ dataset }}.sync_bases WHERE system = 'bigquery' AND NOT gone
),

-- Rows that differ, rows we never published, and published rows that are gone.
differing AS (
  SELECT
    master.*,
    published.native_id AS known_id,
    published.version AS known_version,
    published.changed_at AS published_at
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
  FULL JOIN published ON published.native_id = master.contact_id
  WHERE COALESCE(published.version, '') <> COALESCE(master.version_now, '')
),

-- Ids that somebody inserted a second time while the published row still stands: the second row is not an edit.
doubled AS (
  SELECT contacts.contact_id
  FROM {{ dataset }}.contacts_master AS contacts
  JOIN published ON published.native_id = contacts.contact_id
  WHERE contacts.contact_id IN (SELECT contact_id FROM differing)
    AND {{ m.digest('contacts') }} = published.version
)

SELECT
  {% if count_only %}
  (SELECT COUNT(*) FROM {{ dataset }}.sync_edits WHERE cycle_id IS NULL) AS commands, COUNT(*) AS edits, MIN(COALESCE(version_now, known_id)) AS least, MAX(COALESCE(version_now, known_id)) AS greatest
  {% else %}
  *
  {% endif %}
FROM differing
WHERE contact_id IS NULL OR contact_id NOT IN (SELECT contact_id FROM doubled);
