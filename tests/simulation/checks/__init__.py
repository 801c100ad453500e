"""What must be true: the books of the database compared with the chains."""
