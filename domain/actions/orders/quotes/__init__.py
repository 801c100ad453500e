"""Firm quotes: issued, and used to open an order."""
