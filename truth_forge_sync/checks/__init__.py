"""Asset checks: what a person must know or decide, in red or yellow where they look."""
