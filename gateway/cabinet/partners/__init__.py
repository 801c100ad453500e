"""Reference codes and API keys."""
