"""Renders a Markdown file to a title, headings and HTML without inline styles."""

import re
from collections.abc import Callable, Sequence
from html import escape
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from cabinet_htmx.docs.contents import HOME
from cabinet_htmx.docs.highlighting import highlighted

TAB_LABELS: Final = {"bash": "bash", "python": "Python", "js": "Node", "go": "Go"}
"""The tab label by the language of a code block; adjacent blocks in these become tabs."""

_PAGE_LINK: Final = re.compile(r"([a-z0-9-]+)\.md(#[\w-]+)?")
_TAB: Final = "tab"


class Heading(msgspec.Struct, frozen=True):
    """A level 2 heading."""

    anchor: str
    text: str


class Article(msgspec.Struct, frozen=True):
    """A rendered Markdown file."""

    title: str
    headings: tuple[Heading, ...]
    body: str
    """Trusted HTML, inserted into the page without escaping."""


class Tab(msgspec.Struct, frozen=True):
    """The position of a code block in its group of tabs."""

    group: int
    first: bool
    last: bool


class Renderer:
    """Renders the files of a directory; links between files become links between pages."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._markdown = MarkdownIt("commonmark", {"html": False, "alerts": True}).enable("table")
        anchors_plugin(self._markdown, min_level=2, max_level=3)
        for name, rule in _RULES.items():
            self._markdown.add_render_rule(name, rule)

    def render(self, name: str) -> Article:
        """Return the article of a file; `name` is its file name without .md."""
        tokens = self._markdown.parse((self._directory / f"{name}.md").read_text())
        title, rest = _split_title(tokens)
        _mark_tabs(rest)
        _replace_empty_headers(rest)
        body: str = self._markdown.renderer.render(
            rest, self._markdown.options, {"directory": self._directory}
        )
        return Article(title=title, headings=tuple(_headings(rest)), body=body)


def _split_title(tokens: list[Token]) -> tuple[str, list[Token]]:
    opening, inline, _, *rest = tokens
    if opening.tag != "h1":
        raise ValueError("a page must begin with its title, a level 1 heading")
    return inline.content, rest


def _headings(tokens: Sequence[Token]) -> list[Heading]:
    return [
        Heading(str(opening.attrs["id"]), inline.content.replace("`", ""))
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open" and opening.tag == "h2"
    ]


def _mark_tabs(tokens: Sequence[Token]) -> None:
    """Group adjacent code blocks in different languages into tabs."""
    groups, run = count(1), list[Token]()
    for token in [*tokens, None]:
        language = _language(token) if token is not None and token.type == "fence" else ""
        continues = language in TAB_LABELS and language not in map(_language, run)
        if token is not None and continues:
            run.append(token)
            continue
        if len(run) > 1:
            group = next(groups)
            for index, block in enumerate(run):
                block.meta[_TAB] = Tab(group, first=index == 0, last=index == len(run) - 1)
        run = [token] if token is not None and language in TAB_LABELS else []


def _replace_empty_headers(tokens: Sequence[Token]) -> None:
    """Turn empty header cells, which Markdown requires, into data cells for accessibility."""
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "th_open" and not inline.content:
            opening.tag = closing.tag = "td"


def _language(block: Token) -> str:
    return block.info.partition(" ")[0]


def _fence(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: object, ___: dict[str, Any]
) -> str:
    block = tokens[index]
    language, code = _language(block), _code(block)
    tab: Tab | None = block.meta.get(_TAB)
    if tab is None:
        return code
    opened = " open" if tab.first else ""
    return (
        ('<div class="tabs">' if tab.first else "")
        + f'<details name="tabs-{tab.group}"{opened}><summary>{TAB_LABELS[language]}</summary>'
        + code
        + "</details>"
        + ("</div>\n" if tab.last else "")
    )


def _code(block: Token) -> str:
    """Return a block's HTML; it is focusable so that the keyboard can scroll it horizontally."""
    marked = highlighted(block.content, _language(block))
    return f'<pre tabindex="0"><code>{marked}</code></pre>\n'


def _table_open(*_: object) -> str:
    return '<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _link_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    environment: dict[str, Any],
) -> str:
    link = tokens[index]
    page = _PAGE_LINK.fullmatch(str(link.attrs["href"]))
    if page is not None:
        name, anchor = page[1], page[2] or ""
        link.attrs["href"] = ("/docs" if name == HOME else f"/docs/{name}") + anchor
    return renderer.renderToken(tokens, index, options, environment)


def _image(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: object, env: dict[str, Any]
) -> str:
    """Return a drawing as inline SVG with alternative text; it inherits the page's colours."""
    image = tokens[index]
    drawing = (env["directory"] / str(image.attrs["src"])).read_text()
    label = escape(image.content)
    return f'<span class="drawing" role="img" aria-label="{label}">{drawing}</span>'


_RULES: Final[dict[str, Callable[..., str]]] = {
    "fence": _fence,
    "table_open": _table_open,
    "table_close": _table_close,
    "link_open": _link_open,
    "image": _image,
}
