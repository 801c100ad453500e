"""Sign-in, sessions, second factor, team and audit log."""
