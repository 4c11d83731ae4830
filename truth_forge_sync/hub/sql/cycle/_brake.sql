{# Systems in which more contacts were deleted or emptied at once than anybody does on purpose. seen: the table of what each
   native row shows, or of the losses in it alone. #}
{% macro braked(seen) -%}
SELECT system
  FROM (
    SELECT system, contact_id FROM {{ seen }} WHERE is_candidate AND is_loss AND NOT is_rejected
    UNION ALL
    SELECT system, contact_id
    FROM {{ dataset }}.sync_holds
    WHERE reason = 'brake' AND status = 'held' AND contact_id NOT IN (SELECT contact_id FROM {{ seen }})
  )
  CROSS JOIN (SELECT COUNT(*) AS contacts FROM {{ dataset }}.contacts_master WHERE deleted_at IS NULL) AS living
  GROUP BY system
  HAVING COUNT(DISTINCT contact_id) > {{ loss_limit_count }}
    AND COUNT(DISTINCT contact_id) * 10000 > {{ loss_limit_basis_points }} * ANY_VALUE(living.contacts)
    AND COUNT(DISTINCT contact_id) > {{ allowed_losses }}
{%- endmacro %}
