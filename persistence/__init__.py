"""PostgreSQL and Valkey: where orders, partners, windows and streams are kept."""
