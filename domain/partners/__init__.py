"""Partners, their codes, credentials and weight budgets."""
