"""Headers and content types of files that the cabinet's pages offer for download."""

from typing import Final

from cabinet_htmx.partner.site import HEADERS

CSV: Final = b"text/csv; charset=utf-8"


def download_headers(filename: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of a file that browsers save under `filename`, and that is not cached."""
    return [
        *((name.encode(), value.encode()) for name, value in HEADERS.items()),
        (b"Cache-Control", b"no-store"),
        (b"Content-Disposition", f"attachment; filename={filename}".encode()),
    ]
