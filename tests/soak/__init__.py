"""A load over hours: what must not grow, and that nothing is lost."""
