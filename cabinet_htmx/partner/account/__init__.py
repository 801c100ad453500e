"""Views of the account, two-factor authentication and the team."""
