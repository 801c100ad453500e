"""Assets, pairs, switches and reserves in PostgreSQL."""
