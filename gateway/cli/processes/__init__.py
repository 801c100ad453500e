"""Commands that start processes or check an instance."""
