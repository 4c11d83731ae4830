-- The writes that a system still lacks and that are due, each with the row as we know it.
SELECT
  intents.intent_id, intents.contact_id, intents.native_id, intents.kind, intents.changes,
  COALESCE(bases.held, []) AS held, bases.own_contact_id, bases.version, bases.changed_at, bases.known_at
FROM {{ dataset }}.sync_intents AS intents
LEFT JOIN {{ dataset }}.sync_bases AS bases
  ON bases.contact_id = intents.contact_id AND bases.system = intents.system AND bases.native_id = intents.native_id
WHERE intents.system = '{{ system }}' AND intents.status = 'open'
  AND COALESCE(intents.next_attempt_at <= CURRENT_TIMESTAMP(), TRUE)
ORDER BY intents.kind, intents.native_id;
