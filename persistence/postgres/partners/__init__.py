"""Partners, codes and secrets in PostgreSQL."""
