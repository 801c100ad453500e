"""The pages of /docs, rendered from Markdown."""

from pathlib import Path
from typing import Final

import msgspec

from cabinet_htmx.docs.contents import CONTENTS, Entry, entries
from cabinet_htmx.docs.markdown import Renderer
from cabinet_htmx.shared.assets import Assets
from cabinet_htmx.shared.document import Document
from cabinet_htmx.shared.environment import environment

_PACKAGED: Final = Path(__file__).parent / "pages"
DOCS: Final = _PACKAGED if _PACKAGED.exists() else Path(__file__).parents[2] / "docs"
"""The directory of the Markdown files: inside the wheel, or docs/ of the checkout."""
ROOT: Final = "/docs"

_HTML: Final = "text/html; charset=utf-8"


class Neighbours(msgspec.Struct, frozen=True):
    """The previous and the next page; None at the ends."""

    before: Entry | None
    after: Entry | None


class DocsSite:
    """Pages by path. Rendering takes several milliseconds of CPU time; it is not thread-safe."""

    def __init__(self, assets: Assets, directory: Path = DOCS) -> None:
        self._renderer = Renderer(directory)
        self._templates = environment(assets)
        self._entries = {entry.path: entry for entry in entries()}

    def has(self, path: str) -> bool:
        """Return whether a page exists at `path`."""
        return path in self._entries

    def render(self, path: str) -> Document:
        """Return the page at `path`, or the 404 page."""
        entry = self._entries.get(path)
        html = self._not_found() if entry is None else self._page(entry)
        return Document(_HTML, html.encode())

    def _page(self, entry: Entry) -> str:
        return self._templates.get_template("docs/page.html").render(
            contents=CONTENTS,
            here=entry,
            article=self._renderer.render(entry.name),
            neighbours=_neighbours(entry),
        )

    def _not_found(self) -> str:
        return self._templates.get_template("docs/not_found.html").render(
            contents=CONTENTS, here=None
        )


def _neighbours(entry: Entry) -> Neighbours:
    ordered = list(entries())
    index = ordered.index(entry)
    return Neighbours(
        before=ordered[index - 1] if index else None,
        after=ordered[index + 1] if index + 1 < len(ordered) else None,
    )
