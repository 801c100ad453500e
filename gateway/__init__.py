"""Entry points: the API, the pages, the cabinet and the command; composition of all processes."""
