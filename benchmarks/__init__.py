"""What the sync costs, held against its targets: ``make bench``, or ``python -m benchmarks [NAME …]``.

A figure is a count, or a ratio within one run: the same machine does the same work another way, right before or after -
written out by hand, or by a program that people use for it (:mod:`benchmarks.peers`). A time by itself says more about
the machine than about the program. One module a question, each with one function from
:class:`~benchmarks.result.Sizes` to rows of the table.
"""
