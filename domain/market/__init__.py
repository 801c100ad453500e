"""Rates, pricing, fees and limits."""
