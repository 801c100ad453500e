"""The signed API: dispatch, authentication and encoding."""
