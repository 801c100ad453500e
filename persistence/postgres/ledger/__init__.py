"""The ledger, payouts and reconciliation in PostgreSQL."""
