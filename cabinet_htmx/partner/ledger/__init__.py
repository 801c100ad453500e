"""Views of earnings: payouts, statements and payout details."""
