"""Operators and what they have done."""
