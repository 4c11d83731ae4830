"""Webhooks: a system tells of a change, and a cycle starts at once. What they say is never read as data: the cycle asks
the systems themselves, so a webhook that is lost, late or doubled changes nothing but the delay."""
