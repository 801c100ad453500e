"""Orders that nobody pays."""
