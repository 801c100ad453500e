"""Payouts and payout details."""
