"""Use cases on earnings and payouts."""
