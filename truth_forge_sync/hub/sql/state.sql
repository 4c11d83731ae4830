-- Where the sync stands, in one row: what each system can hold, how far it is read, what waits.
SELECT
  (SELECT ARRAY_AGG(STRUCT(system AS system, rank AS rank, fields AS fields, active AS active, due AS due)) FROM {{ dataset }}.sync_systems) AS systems,
  (SELECT ARRAY_AGG(STRUCT(system AS system, marker AS marker, marker_since AS marker_since, watermark AS watermark, read_at AS read_at, cycle_id AS cycle_id)) FROM {{ dataset }}.sync_cursors) AS cursors,
  (SELECT ARRAY_AGG(STRUCT(batch_id AS batch_id, system AS system, row_count AS row_count, complete AS complete, fields AS fields)) FROM {{ dataset }}.sync_batches WHERE cycle_id IS NULL) AS batches,
  (SELECT ARRAY_AGG(cycle_id) FROM {{ dataset }}.sync_cycles WHERE status = 'planned') AS unfinished,
  (SELECT MAX(cycle_id) FROM {{ dataset }}.sync_cycles WHERE status = 'applied') AS last_cycle,
  (SELECT ARRAY_AGG(STRUCT(system AS system, intents AS intents)) FROM (
    SELECT system, COUNT(*) AS intents FROM {{ dataset }}.sync_intents WHERE status = 'open' GROUP BY system
  )) AS open_intents,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_edits WHERE cycle_id IS NULL) AS edits,
  (SELECT COUNT(*) FROM {{ dataset }}.sync_errors
    WHERE kind = 'refused' AND status <> 'resolved' AND next_attempt_at <= CURRENT_TIMESTAMP()) AS refusals_due,
  (SELECT ARRAY_AGG(STRUCT(system AS system, contacts AS contacts, rejected AS rejected, frozen AS frozen, releases AS releases)) FROM (
    SELECT
      system,
      COUNT(DISTINCT IF(reason = 'brake' AND status = 'held', contact_id, NULL)) AS contacts,
      COUNT(IF(status = 'rejected', 1, NULL)) AS rejected,
      COUNT(IF(reason = 'flip_flop', 1, NULL)) AS frozen,
      COUNT(IF(release_at <= CURRENT_TIMESTAMP(), 1, NULL)) AS releases
    FROM {{ dataset }}.sync_holds GROUP BY system
  )) AS holds,
  (SELECT ARRAY_AGG(STRUCT(cycle_id AS cycle_id, compared AS compared, aligned AS aligned)) FROM (
    SELECT cycle_id, contacts_compared AS compared, contacts_aligned AS aligned
    FROM {{ dataset }}.sync_cycles WHERE contacts_compared IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (ORDER BY cycle_id DESC) = 1
  )) AS sweeps;
