"""Events on their way out: outbox, stream, delivery."""
