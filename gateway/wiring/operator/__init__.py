"""The composition of the operator's commands."""
