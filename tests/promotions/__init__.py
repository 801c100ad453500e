"""Orders created by signed calls while primaries of PostgreSQL are killed and standbys promoted."""
