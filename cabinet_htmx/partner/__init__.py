"""Views of the partner dashboard, grouped by subject."""
