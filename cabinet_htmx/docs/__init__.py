"""The documentation at /docs, rendered from the Markdown files in docs/."""
