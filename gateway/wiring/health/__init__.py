"""The composition of a worker's readiness and of the checks of what it depends on."""
