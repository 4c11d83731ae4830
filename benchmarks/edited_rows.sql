-- $count contacts, somewhere in the hub, as a pull of one system would stage them after their job titles were edited for
-- the $edit-th time: each edit finds others, and the same each time this is run.
SELECT
  system,
  native_id,
  own_contact_id,
  'edit ' || $edit AS version,
  changed_at + INTERVAL 1 DAY AS changed_at,
  $read_at::TIMESTAMPTZ AS read_at,
  false AS deleted,
  false AS gone,
  list_transform(held, lambda one: {
    'path': one.path, 'value': CASE one.path WHEN 'job_title' THEN one.value || ', ' || $edit ELSE one.value END,
    'sent': NULL::VARCHAR
  }) AS fields,
  []::STRUCT(field VARCHAR, reason VARCHAR)[] AS unread
FROM identity.sync_bases
WHERE system = $system AND native_id IN (
  SELECT native_id FROM identity.sync_bases WHERE system = $system ORDER BY md5(native_id || '/' || $edit) LIMIT $count
)
