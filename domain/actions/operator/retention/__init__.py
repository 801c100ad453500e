"""How long what grows is kept in the database, and what is archived."""
