-- The writes of one kind that a system still lacks, each with the row as we know it (a new one is not known).
SELECT
  intents.intent_id, intents.contact_id, intents.native_id, intents.kind, intents.changes,
  {% if kind == 'create' %}
  ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[] AS held, CAST(NULL AS STRING) AS own_contact_id,
  CAST(NULL AS STRING) AS version, CAST(NULL AS TIMESTAMP) AS changed_at, CAST(NULL AS TIMESTAMP) AS known_at
FROM {{ dataset }}.sync_intents AS intents
  {% else %}
  COALESCE(bases.held, []) AS held, bases.own_contact_id, bases.version, bases.changed_at, bases.known_at
FROM {{ dataset }}.sync_intents AS intents
LEFT JOIN {{ dataset }}.sync_bases AS bases
  ON bases.contact_id = intents.contact_id AND bases.system = intents.system AND bases.native_id = intents.native_id
  {% endif %}
WHERE intents.system = '{{ system }}' AND intents.kind = '{{ kind }}' AND intents.status = 'open';
