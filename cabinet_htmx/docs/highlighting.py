"""Syntax highlighting with only as many classes as the style sheet has colours for."""

from collections.abc import Iterator
from html import escape
from itertools import groupby
from operator import itemgetter
from typing import Final

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, is_token_subtype

PLAIN: Final = ("", "text")
"""Languages that are not highlighted."""

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
    """Return code as HTML; comments, keywords and other tokens are in spans with a class."""
    if language in PLAIN:
        return escape(code)
    parts = groupby(_classified(code, language), key=itemgetter(0))
    return "".join(_span(name, "".join(text for _, text in run)) for name, run in parts)


def _classified(code: str, language: str) -> Iterator[tuple[str, str]]:
    for token_type, text in get_lexer_by_name(language, ensurenl=False).get_tokens(code):
        classes = (name for group, name in _CLASSES.items() if is_token_subtype(token_type, group))
        yield next(classes, ""), text


def _span(name: str, text: str) -> str:
    return f'<span class="{name}">{escape(text)}</span>' if name else escape(text)
