"""The public rate feed document."""
