-- Where the sync stands, in one row: what each system can hold, how far it is read, what waits.
SELECT
  (SELECT ARRAY_AGG(STRUCT(system AS system, rank AS rank, fields AS fields, active AS active, due AS due)) FROM {{ dataset }}.sync_systems) AS systems,
  (SELECT ARRAY_AGG(STRUCT(system AS system, marker AS marker, marker_since AS marker_since, watermark AS watermark, read_at AS read_at, cycle_id AS cycle_id)) FROM {{ dataset }}.sync_cursors) AS cursors,
  (SELECT ARRAY_AGG(STRUCT(batch_id AS batch_id, system AS system, row_count AS row_count, fields AS fields)) FROM {{ dataset }}.sync_batches WHERE cycle_id IS NULL) AS batches,
  (SELECT ARRAY_AGG(cycle_id) FROM {{ dataset }}.sync_cycles WHERE status = 'planned') AS unfinished,
  (SELECT MAX(cycle_id) FROM {{ dataset }}.sync_cycles WHERE status = 'applied') AS last_cycle,
  (SELECT ARRAY_AGG(STRUCT(system AS system, intents AS intents)) FROM (
    SELECT system, COUNT(*) AS intents FROM {{ dataset }}.sync_intents WHERE status = 'open' GROUP BY system
  )) AS open_intents;
