"""What keeps a process current and observable."""
