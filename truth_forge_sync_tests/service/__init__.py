"""The production daemon."""
