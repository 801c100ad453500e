"""PostgreSQL: one file per noun, its SQL beside its functions."""
