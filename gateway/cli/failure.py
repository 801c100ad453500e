"""The one exception that ends a command with a message."""


class Failure(Exception):
    """The command cannot do what was requested; the text is the message for the operator."""
