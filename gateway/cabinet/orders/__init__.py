"""Orders of a partner."""
