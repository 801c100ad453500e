"""A partner's team members: sign-in, sessions, roles and the audit log."""
