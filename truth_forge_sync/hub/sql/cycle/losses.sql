-- What one share of a large cycle says to the brake, which counts them all before any is decided.
INSERT INTO {{ dataset }}.sync_losses_{{ cycle }} (contact_id, system, is_candidate, is_loss, is_rejected)
SELECT DISTINCT contact_id, system, is_candidate, is_loss, is_rejected FROM {{ dataset }}.sync_seen_{{ cycle }};
