"""Commands on earnings, payouts and reconciliation."""
