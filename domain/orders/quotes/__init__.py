"""Firm quotes: what they state, and how they are signed."""
