"""Pages in a browser: the partner cabinet and the public swap page."""
