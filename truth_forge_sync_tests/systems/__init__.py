"""Each system: the conformance suite, and what is special about it."""
