"""Payouts and refunds on chains: created, signed, broadcast, and tracked until they settle."""
