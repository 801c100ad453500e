"""Earnings, payouts, payout details and reconciliation."""
