"""A contact's history: who set what and when, contacts made one and two again, and what was done badly undone.

Nothing in here writes to a system, or talks to a person: it moves the hub, and the next cycle carries it out.
"""
