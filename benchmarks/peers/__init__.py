"""Other programs that do a part of what ours does: each in its own words, to be run by a Python that has them."""
