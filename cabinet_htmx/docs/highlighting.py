"""Marks up code by what its parts are, in as few elements as there are colours for."""

from collections.abc import Iterator
from html import escape
from itertools import groupby
from operator import itemgetter
from typing import Final

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, is_token_subtype

PLAIN: Final = ("", "text")
"""Languages that nothing is known of."""

_CLASSES: Final = {
    Comment: "comment",
    Keyword: "keyword",
    Operator.Word: "keyword",
    String: "string",
    Number: "number",
    Name.Function: "name",
    Name.Builtin: "name",
    Name.Class: "name",
    Name.Tag: "tag",
    Name.Variable: "tag",
    Name.Attribute: "tag",
}


def highlighted(code: str, language: str) -> str:
    """Return code as HTML, its comments, keywords and so on in spans of these classes."""
    if language in PLAIN:
        return escape(code)
    parts = groupby(_classified(code, language), key=itemgetter(0))
    return "".join(_marked(name, "".join(text for _, text in run)) for name, run in parts)


def _classified(code: str, language: str) -> Iterator[tuple[str, str]]:
    for kind, text in get_lexer_by_name(language, ensurenl=False).get_tokens(code):
        classes = (name for group, name in _CLASSES.items() if is_token_subtype(kind, group))
        yield next(classes, ""), text


def _marked(name: str, text: str) -> str:
    return f'<span class="{name}">{escape(text)}</span>' if name else escape(text)
