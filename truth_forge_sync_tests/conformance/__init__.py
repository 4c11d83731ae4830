"""One suite that every system passes."""
