-- What one cycle did: one row a system with what it brought, beside the cycle's own counts.
SELECT
  cycles.contacts_created, cycles.contacts_updated, cycles.contacts_deleted, cycles.conflicts, cycles.reviews,
  (SELECT COUNT(*) FROM {{ dataset }}.contacts_master WHERE deleted_at IS NULL) AS contacts,
  log.system, log.changed, log.changes
FROM {{ dataset }}.sync_cycles AS cycles
LEFT JOIN (
  SELECT system, COUNT(DISTINCT contact_id) AS changed, COUNT(*) AS changes
  FROM {{ dataset }}.sync_change_log
  WHERE cycle_id = '{{ cycle }}' AND recorded_at >= TIMESTAMP_MICROS({{ since }})
  GROUP BY system
) AS log ON TRUE
WHERE cycles.cycle_id = '{{ cycle }}';
