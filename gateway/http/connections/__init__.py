"""Limits of connections that the HTTP server does not have: number, memory and time to send."""
