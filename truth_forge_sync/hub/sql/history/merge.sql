-- A merge is decided when its record is here; merge_apply.sql carries it out.
INSERT INTO {{ dataset }}.sync_merges (
  merge_id, kept_contact_id, absorbed_contact_id, kept_version, absorbed_version, absorbed_created_at, kept, absorbed, merged,
  lost, links, conflicts, status, merged_at
)
SELECT
  '{{ batch }}', kept_contact_id, absorbed_contact_id, kept_version, absorbed_version, absorbed_created_at, kept, absorbed,
  merged, lost, links, conflicts, 'decided', CURRENT_TIMESTAMP()
FROM {{ dataset }}.sync_manifest_{{ batch }}
WHERE NOT EXISTS (SELECT 1 FROM {{ dataset }}.sync_merges WHERE merge_id = '{{ batch }}');
