"""The API of /v1: dispatch, authentication, endpoints and encoding."""
