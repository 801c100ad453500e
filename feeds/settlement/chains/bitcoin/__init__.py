"""Bitcoin and its forks."""
