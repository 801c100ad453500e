"""The pages of /docs, each rendered when it is first asked for and kept as bytes."""

from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from cabinet_htmx.docs.contents import CONTENTS, Entry, entries
from cabinet_htmx.docs.markdown import Renderer
from cabinet_htmx.shared.assets import Assets
from cabinet_htmx.shared.environment import environment
from cabinet_htmx.shared.representation import Representation

DOCS: Final = Path(__file__).parents[2] / "docs"
ROOT: Final = "/docs"

_HTML: Final = "text/html; charset=utf-8"


class Neighbours(msgspec.Struct, frozen=True):
    """The pages before and after one; None at the ends."""

    before: Entry | None
    after: Entry | None


class DocsSite:
    """Pages by path. Rendering takes some milliseconds of computing: call it from a thread."""

    def __init__(self, assets: Assets, directory: Path = DOCS) -> None:
        self._renderer = Renderer(directory)
        self._templates = environment(assets)
        self._entries = {entry.path: entry for entry in entries()}
        self._made: dict[str | None, Representation] = {}
        self._lock = Lock()

    def has(self, path: str) -> bool:
        """Tell whether there is a page at `path`."""
        return path in self._entries

    def made(self, path: str) -> Representation | None:
        """Return what `make` would, if it is made already."""
        return self._made.get(self._key(path))

    def make(self, path: str) -> Representation:
        """Return the page at `path`, or what is shown where there is none."""
        key = self._key(path)
        with self._lock:
            if key not in self._made:
                html = self._missing() if key is None else self._page(self._entries[key])
                self._made[key] = Representation.of(html.encode(), _HTML)
            return self._made[key]

    def _key(self, path: str) -> str | None:
        return path if path in self._entries else None

    def _page(self, entry: Entry) -> str:
        return self._templates.get_template("docs/page.html").render(
            contents=CONTENTS,
            here=entry,
            article=self._renderer.render(entry.name),
            neighbours=_neighbours(entry),
        )

    def _missing(self) -> str:
        return self._templates.get_template("docs/missing.html").render(
            contents=CONTENTS, here=None
        )


def _neighbours(entry: Entry) -> Neighbours:
    every = list(entries())
    place = every.index(entry)
    return Neighbours(
        before=every[place - 1] if place else None,
        after=every[place + 1] if place + 1 < len(every) else None,
    )
