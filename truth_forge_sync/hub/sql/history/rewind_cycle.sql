-- Whether there was such a cycle.
SELECT
  (SELECT COUNT(*) FROM {{ dataset }}.sync_cycles WHERE cycle_id = '{{ cycle }}')
  + (SELECT COUNT(*) FROM {{ dataset }}.sync_merges WHERE merge_id = '{{ cycle }}') AS cycles;
