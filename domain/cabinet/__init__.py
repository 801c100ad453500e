"""Members of a partner: sign-in, sessions, roles and the audit log."""
