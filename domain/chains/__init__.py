"""Addresses, pay-in accounts and transfers on chains."""
