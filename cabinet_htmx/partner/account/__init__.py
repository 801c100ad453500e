"""Views of account, second factor and team."""
