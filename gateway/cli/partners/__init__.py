"""Commands on partners."""
