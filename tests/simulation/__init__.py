"""A simulated world around the real settlement: every run is determined by one seed."""
