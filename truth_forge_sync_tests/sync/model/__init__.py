"""The laws of DESIGN.md in plain Python: the oracle that the hub's SQL is compared with (test_model.py).

``tables.py`` says what the hub knows, ``identity.py`` who a row is, ``decision.py`` what changed, what wins and what
each system lacks then. Plain data in, plain data out. Every contact is decided about, every cycle: that the SQL looks
only at those for which something is due must make no difference. Left out: what a pull reads and what a push is
answered (laws 1, 8-11), what is only told (times, counts, words), and how contacts are merged by command.
"""

from truth_forge_sync_tests.sync.model.decision import decide, newest

__all__ = ["decide", "newest"]
