"""Lists of a partner's orders."""
