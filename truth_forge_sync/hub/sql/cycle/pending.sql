-- The writes that a system still lacks, each with the row as we know it. Deletes come first: they free what must be unique.
SELECT
  intents.intent_id, intents.contact_id, intents.native_id, intents.kind, intents.changes,
  COALESCE(bases.held, []) AS held, bases.own_contact_id, bases.version, bases.changed_at, bases.known_at
FROM {{ dataset }}.sync_intents AS intents
LEFT JOIN {{ dataset }}.sync_bases AS bases
  ON bases.contact_id = intents.contact_id AND bases.system = intents.system AND bases.native_id = intents.native_id
WHERE intents.system = '{{ system }}' AND intents.status = 'open'
ORDER BY CASE intents.kind WHEN 'delete' THEN 1 WHEN 'restore' THEN 2 WHEN 'patch' THEN 3 ELSE 4 END, intents.native_id;
