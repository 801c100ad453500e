"""Members, second factors and the audit log in PostgreSQL."""
