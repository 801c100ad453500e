"""The HTTP door, the operator's command, and the composition root."""
