-- What is configured now: a system's place in the tie-break order and what it can hold.
MERGE INTO {{ dataset }}.sync_systems AS t
USING {{ dataset }}.sync_manifest_{{ batch }} AS s
ON t.system = s.system
WHEN MATCHED THEN UPDATE SET rank = s.rank, fields = s.fields, active = s.active, due = s.due
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, rank, fields, active, due) VALUES (s.system, s.rank, s.fields, s.active, s.due);
