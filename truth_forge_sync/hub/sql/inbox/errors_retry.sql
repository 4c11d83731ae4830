-- {{ 'Refused values' if batch else 'All refused values' }} that are to be offered again by the next cycle, however long they were to wait.
UPDATE {{ dataset }}.sync_errors SET status = 'retrying', next_attempt_at = CURRENT_TIMESTAMP()
WHERE kind = 'refused' AND status <> 'resolved'
  {% if batch %}
  AND error_id IN (SELECT error_id FROM {{ dataset }}.sync_manifest_{{ batch }})
  {% endif %};
