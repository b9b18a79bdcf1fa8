"""What the Runner is extended with: hooks."""
