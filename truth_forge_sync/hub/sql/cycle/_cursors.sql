-- The cursors move with the plan that their rows went into (law 1).
MERGE INTO {{ dataset }}.sync_cursors AS t
USING (
  SELECT system, marker, marker_since, watermark, read_at
  FROM {{ dataset }}.sync_batches
  WHERE cycle_id = '{{ cycle }}' AND live
  QUALIFY ROW_NUMBER() OVER (PARTITION BY system ORDER BY read_at DESC) = 1
) AS s
ON t.system = s.system
WHEN MATCHED AND t.read_at < s.read_at THEN
  UPDATE SET
    marker = s.marker, marker_since = s.marker_since, read_at = s.read_at, cycle_id = '{{ cycle }}',
    watermark = IF(t.watermark IS NULL OR s.watermark > t.watermark, s.watermark, t.watermark)
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, marker, marker_since, watermark, read_at, cycle_id)
  VALUES (s.system, s.marker, s.marker_since, s.watermark, s.read_at, '{{ cycle }}');
