"""What a person's word does."""
