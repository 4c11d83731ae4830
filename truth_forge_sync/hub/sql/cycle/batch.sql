-- A batch is staged from here on: its table was loaded before.
INSERT INTO {{ dataset }}.sync_batches (
  batch_id, system, row_count, live, complete, fields, marker, marker_since, watermark, read_at, staged_at, requests, seconds
)
SELECT
  '{{ batch }}', manifest.system, manifest.row_count, manifest.live, manifest.complete, manifest.fields, manifest.marker, manifest.marker_since,
  manifest.watermark, manifest.read_at, CURRENT_TIMESTAMP(), manifest.requests, manifest.seconds
FROM {{ dataset }}.sync_manifest_{{ batch }} AS manifest
WHERE NOT EXISTS (SELECT 1 FROM {{ dataset }}.sync_batches WHERE batch_id = '{{ batch }}');
