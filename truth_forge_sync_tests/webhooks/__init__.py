"""Webhooks: who is believed, what is refused, and how many cycles start."""
