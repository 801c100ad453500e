"""Within a stylesheet, the appearance of a class is defined in one place."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.clients.snippets import ROOT

STATIC = ROOT / "cabinet_htmx" / "static"
BASE_RULE = re.compile(r"^(?:\.cabinet )?(?:\.card)?\.([a-z][a-z0-9-]*) \{", re.MULTILINE)
"""A rule for a single class outside of media queries."""


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.css")), ids=lambda path: path.name)
def test_no_class_has_two_base_rules_in_a_stylesheet(path: Path) -> None:
    rules = Counter(BASE_RULE.findall(path.read_text()))
    assert [name for name, count in rules.items() if count > 1] == []
