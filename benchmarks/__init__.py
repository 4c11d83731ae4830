"""What the sync costs, held against its targets: ``make bench``, or ``python -m benchmarks [NAME …]``.

A figure is a count, or a ratio within one run: the same machine does the same work the plain way, right before or
after. A time by itself says more about the machine than about the program. One module a question, each with one
function from :class:`~benchmarks.result.Sizes` to rows of the table.
"""
