"""Orders on real nodes with hostile recipients, while settlement is killed at every step."""
