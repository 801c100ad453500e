"""The checks of an installation, one module per subject; each says what to do about a problem."""
