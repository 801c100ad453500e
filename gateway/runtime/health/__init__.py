"""Whether a worker may take calls, and what it depends on."""
