"""The inboxes: what waits for a person's word, and what each word does. Nothing in here talks to a person itself."""
