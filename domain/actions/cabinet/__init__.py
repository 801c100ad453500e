"""Use cases for team members, sessions and second factors."""
