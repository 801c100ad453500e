"""Text files that pages offer for download inline, so that secrets are sent only once."""

import base64


def text_file_url(text: str) -> str:
    """Return a data URL of a text file: `<a download href=...>` saves it without scripts."""
    return f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}"
