-- A push is told in the cycle that it belongs to: the last one.
MERGE INTO {{ dataset }}.sync_cycles AS t
USING (
  SELECT
    MAX(cycle_id) AS cycle_id,
    [STRUCT(
      '{{ system }}' AS system, 'push' AS phase, 0 AS read_rows,
      {% for count in ['created', 'updated', 'deleted', 'refused', 'requests'] %}
      {{ counts[count] }} AS {{ count }},
      {% endfor %}
      {{ counts.milliseconds }} / 1000 AS seconds
    )] AS entry
  FROM {{ dataset }}.sync_cycles
  WHERE status = 'applied'
) AS s
ON t.cycle_id = s.cycle_id
WHEN MATCHED THEN UPDATE SET systems = ARRAY_CONCAT(COALESCE(t.systems, []), s.entry);
