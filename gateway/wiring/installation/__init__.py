"""Roles, users, keys and settings files for servers of the operator's own."""
