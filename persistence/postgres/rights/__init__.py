"""What the roles of an installation, and its functions, must not be able to do."""
