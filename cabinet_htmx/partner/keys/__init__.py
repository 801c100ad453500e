"""Views of API keys."""
