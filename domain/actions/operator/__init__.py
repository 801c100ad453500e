"""Use cases of the operator's command, one subject a module."""
