"""The hub: its schema, its statements, and the two engines that run them."""
