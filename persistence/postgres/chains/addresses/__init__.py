"""Addresses of this installation."""
