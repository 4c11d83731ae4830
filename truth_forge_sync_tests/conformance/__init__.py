"""One suite that every system passes."""

import pytest

# A failed case shows its values, as in any test file.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("cases", "reading", "writing", "deleting", "failing"))
)
