-- What the brake holds is refused: the next cycle writes the accepted values back.
UPDATE {{ dataset }}.sync_holds SET status = 'rejected'
WHERE reason = 'brake' AND status = 'held'
  {% if system %}
  AND system = '{{ system }}'
  {% endif %};
