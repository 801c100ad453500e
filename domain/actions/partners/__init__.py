"""Use cases on partners."""
