"""Stylesheets that are on one page together don't give one name to two things."""

import re
from collections import Counter

from tests.support.clients.snippets import ROOT

STATIC = ROOT / "cabinet_htmx" / "static"
TOGETHER = ("partner.css", "views.css")
BEGINS = re.compile(r"^(?:\.cabinet )?(?:\.card)?\.([a-z][a-z0-9-]*)(?: \{|,$)", re.MULTILINE)
"""A rule of one class alone, outside of any other: what a thing of that name looks like."""


def test_no_class_is_defined_in_two_of_them() -> None:
    defined = Counter[str]()
    for name in TOGETHER:
        defined.update(set(BEGINS.findall((STATIC / name).read_text())))
    assert [name for name, times in defined.items() if times > 1] == []
