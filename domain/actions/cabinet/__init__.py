"""Use cases on members, sessions and second factors."""
