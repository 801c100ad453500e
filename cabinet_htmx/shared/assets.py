"""Static files whose URLs contain a digest of their content, so that they can be cached forever."""

from pathlib import Path
from types import MappingProxyType
from typing import Final

from cabinet_htmx.shared.document import Document

STATIC: Final = Path(__file__).parents[1] / "static"
PREFIX: Final = "/static/"
DIGEST_LENGTH: Final = 12

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}


class AssetMissing(Exception):
    """A static file that a page needs does not exist; the message states how to build it."""


class Assets:
    """The static files below a directory, read once."""

    def __init__(self, directory: Path = STATIC) -> None:
        files = {
            path.relative_to(directory).as_posix(): Document(_TYPES[path.suffix], path.read_bytes())
            for path in sorted(directory.rglob("*"))
            if path.suffix in _TYPES
        }
        self._addresses = {name: _address(name, file.digest) for name, file in files.items()}
        self.by_address = MappingProxyType(
            {self._addresses[name]: file for name, file in files.items()}
        )

    def address(self, name: str) -> str:
        """Return the URL path of a file, such as /static/docs.0a1b2c3d4e5f.css."""
        address = self._addresses.get(name)
        if address is None:
            raise AssetMissing(f"{name} is not among the static files: run `make assets`")
        return address


def _address(name: str, digest: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f"{PREFIX}{stem}.{digest[:DIGEST_LENGTH]}{dot}{suffix}"
